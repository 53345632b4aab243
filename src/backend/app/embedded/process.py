"""Child processes that end with their parent, however the parent ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import psutil

from app.embedded.identity import SAME, Identity
from app.errors import RunLogError

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

_libc = ctypes.CDLL(None, use_errno=True)


class EmbeddedServerError(RunLogError):
    """An embedded server could not be started, or could not be kept running."""


def failure(what: str, log: Path) -> EmbeddedServerError:
    """The error that says `what` happened, with the end of the log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    return EmbeddedServerError(f"{what}; the end of {log} is: {' | '.join(lines)}")


def die_with_parent(sig: signal.Signals, parent: int | None = None) -> None:
    """Have the kernel send this process `sig` when the thread that started it ends; Linux only, else nothing.

    A change of credentials forgets it, so call it after any. With `parent` given, a parent
    that is already gone counts too.
    """
    if sys.platform != "linux":
        return
    if _libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), sig)


def name_process(name: str) -> None:
    """Have `ps -e` and `top` call this process `name`, of which the kernel keeps 15 bytes; Linux only."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_NAME, os.fsencode(name), 0, 0, 0)


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals,
    identity: Identity = SAME,
    output: IO[bytes] | int | None = None,
    stdin: int = subprocess.DEVNULL,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, out of reach of the terminal's Ctrl-C.

    It gets `death_signal` when the calling thread ends: call from the main thread. `output`
    takes stdout and stderr, which are inherited when it is None.
    Raises `OSError` or `subprocess.SubprocessError` when it cannot be started.
    """
    parent = os.getpid()

    def prepare() -> None:
        identity.enter()
        die_with_parent(death_signal, parent)

    return subprocess.Popen(
        argv,
        env=dict(env),
        stdin=stdin,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare,
        cwd=directory,
    )


class Process(Protocol):
    """What is used of a `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Its exit status, or less the signal that ended it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, unless it has ended."""

    def kill(self) -> None:
        """End it."""


class Child(ABC):
    """A server or a service: a process that may be started again and again."""

    name: str
    stop_signal: signal.Signals
    _process: Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start. Raises `EmbeddedServerError` before the first."""
        if self._process is None:
            raise EmbeddedServerError(f"{self.name} was not started")
        return self._process.pid

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting; from the main thread. Raises `EmbeddedServerError`."""

    def poll(self) -> int | None:
        """The exit code when the process has ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def terminate(self) -> None:
        """Ask it to end, without waiting for that."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)

    def finish(self, timeout: float) -> None:
        """Wait `timeout` seconds for the end, then bring it about by SIGKILL."""
        if self._process is not None:
            finish(self._process, timeout)


def finish(process: Process, timeout: float) -> None:
    """Wait for the end of `process`, and bring it about by SIGKILL after `timeout` seconds."""
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs: not one that has ended and that its parent has not asked after yet."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def processes_in(directory: Path, name: str) -> Iterator[int]:
    """Process ids of the live programs called `name` that work in `directory`; none without /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # Programs of others may have names in any encoding.
            if (entry / "comm").read_bytes().strip() == os.fsencode(name) and _works_in(entry, directory):
                yield int(entry.name)
        except OSError:
            continue


def _works_in(entry: Path, directory: Path) -> bool:
    try:
        # A zombie has no working directory left, so it never counts as alive.
        return (entry / "cwd").readlink() == directory
    except PermissionError:
        # In a container, root may not look into another account's process, except at its arguments.
        return os.fsencode(directory) in (entry / "cmdline").read_bytes().split(b"\0")


def wait_until_none_in(directory: Path, name: str, timeout: float) -> None:
    """Wait for what a killed parent left behind. Raises `EmbeddedServerError` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while left := list(processes_in(directory.resolve(), name)):
        if time.monotonic() > deadline:
            pids = ", ".join(map(str, left))
            raise EmbeddedServerError(f"{name} is already running on {directory} (process {pids})")
        time.sleep(0.05)
