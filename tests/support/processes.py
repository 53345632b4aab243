"""The product's own commands as processes, for tests that need real ones."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import BytesIO, StringIO, TextIOWrapper
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import httpx
import psutil

from app.cli.main import main
from app.config import get_settings
from app.embedded.ports import is_free
from support import workers
from support.forking import CopiedProcess

RUNLOG = (sys.executable, "-m", "app.cli.main")
PORTS_A_WORKER = 1000  # more than the tests of one use
START_TIMEOUT = 120.0
Process = subprocess.Popen[bytes] | CopiedProcess
# Environment of a process that neither lowers its priority nor rests while others are busy.
UNHURRIED = {"PYTHONPATH": str(Path(__file__).parent / "unhurried")}


def called(*arguments: str | Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """`runlog ARGUMENTS` within this process, for the many ways to say one thing; a process takes seconds.

    `env` is laid over the test's environment.
    """
    return called_within(main, "runlog", *map(str, arguments), stdin=stdin, env={**os.environ, **env})


def called_within(
    program: Callable[[], object], *argv: str, stdin: str = "", env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What a `program` of Python does within this process, called by `argv`; `env` is all that it has."""
    out, err = StringIO(), StringIO()
    status: str | int | None = 0
    with (
        _left_alone(),
        patch.dict(os.environ, env, clear=True),
        patch.object(sys, "argv", list(argv)),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode()))),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        get_settings.cache_clear()
        try:
            program()
        except SystemExit as end:
            status = end.code
    if isinstance(status, str):  # what Python would print at the end
        err.write(f"{status}\n")
        status = 1
    get_settings.cache_clear()
    # pytest prints it where a test fails, also one that compares nothing but stdout.
    sys.stderr.write(err.getvalue())
    return subprocess.CompletedProcess(list(argv), status or 0, out.getvalue(), err.getvalue())


@contextmanager
def _left_alone() -> Iterator[None]:
    """Leave this process its priority and its stdout, which a command that ends may give away."""
    stdout = os.dup(1)
    try:
        with patch.object(os, "nice", side_effect=PermissionError):
            yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str | None], log: Path, program: Path | None = None
) -> Iterator[Process]:
    """`runlog ARGUMENTS` as a process, ended with the block; its stderr goes to `log`.

    `env` is laid over the test's environment and `UNHURRIED`; None takes a variable away. `program` is a
    script that stands for `runlog`. What changes how modules are loaded is started from nothing.
    """
    overlaid = {**os.environ, **UNHURRIED, **env}
    environment = {name: value for name, value in overlaid.items() if value is not None}
    process: Process
    if program is None and "PYTHONPATH" not in env:
        process = CopiedProcess(arguments, environment, log)
    else:
        command = RUNLOG if program is None else (sys.executable, str(program))
        with log.open("ab") as stderr:
            process = subprocess.Popen([*command, *arguments], env=environment, stderr=stderr)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Served:
    """A running `runlog serve`, and where it answers."""

    url: str
    process: Process

    def api_processes(self) -> list[psutil.Process]:
        """Its API processes, where it has several."""
        children = psutil.Process(self.process.pid).children()
        return [process for child in children for process in _copies_of(child)]


def _copies_of(process: psutil.Process) -> list[psutil.Process]:
    """Its children, where it only makes copies of itself."""
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def served(
    *options: str,
    env: Mapping[str, str | None],
    log: Path,
    workers: int = 1,
    port: int | None = None,
) -> Iterator[Served]:
    """`runlog serve` on `port`, or a free one, once it answers."""
    port = port or free_port()
    arguments = ("serve", "--port", str(port), "--workers", str(workers), *options)
    with running(*arguments, env=env, log=log) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_alive(url, process, log)
        yield Served(url, process)


@contextmanager
def serving(*options: str, env: Mapping[str, str | None], log: Path, workers: int = 1) -> Iterator[str]:
    """The base URL of a `runlog serve` on a free port, once it answers."""
    with served(*options, env=env, log=log, workers=workers) as server:
        yield server.url


def wait_until_alive(url: str, process: Process, log: Path) -> None:
    """Return when `/healthz` answers; fail with the log when the process ends first."""
    deadline = time.monotonic() + START_TIMEOUT
    with httpx.Client(base_url=url, timeout=START_TIMEOUT) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"runlog ended with {process.returncode}:\n{log.read_text()}")
            try:
                if client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    raise AssertionError(f"no answer from {url}:\n{log.read_text()}")


def eventually(condition: Callable[[], bool], timeout: float = START_TIMEOUT) -> bool:
    """Whether `condition` comes to hold within `timeout` seconds.

    It is looked at the less often the longer that takes: what is waited for needs the processors.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > timeout:
            return False
        time.sleep(max(0.05, waited / 10))
    return True


def wait_until_started(count: int, log: Path) -> None:
    """Return when `count` API processes have said in `log` that they serve."""
    deadline = time.monotonic() + START_TIMEOUT
    while log.read_text(encoding="utf-8").count("Application startup complete") < count:
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)


def free_port() -> int:
    """A port without a listener now, which no other worker of this test run and no later test is given.

    What a test sends, again and again, to a server that is away would reach another test's server.
    """
    return next(port for port in _own_ports(workers.number()) if is_free(port))


@cache
def _own_ports(worker: int) -> Iterator[int]:
    """The ports of a worker, below those of outgoing connections, which could take one that rests."""
    first = 10_000 + worker * PORTS_A_WORKER
    # Two test runs on a machine seldom begin at the same one.
    offset = secrets.randbelow(PORTS_A_WORKER)
    return cycle(first + (offset + number) % PORTS_A_WORKER for number in range(PORTS_A_WORKER))
