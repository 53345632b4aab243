"""Run a command as its caller would: pass its output and our signals on, and end when it ends."""

import fcntl
import os
import select
import selectors
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, TextIO

from app.cli.command_output import CommandOutput
from app.cli.signals import SignalPipe
from app.kit.text import in_words

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
# A terminal sends these to the command as well, and there the command decides whether to end.
_OF_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
PASSED_ON = (*_ENDING, signal.SIGUSR1, signal.SIGUSR2)
"""The signals that are the command's, not ours."""

ENDING_SECONDS = 1.75
"""How long we go on after a signal that asks us to end: less than the 2 s at which others kill."""

TIMED_OUT = 124
"""The exit code of a command that ran too long, as timeout(1) has it."""

# Of these, what is left to a command that was asked to end; the rest is for reporting it.
_GRACE_SECONDS = 1.0
# From SIGTERM to SIGKILL for a command that ran too long: as `docker stop` waits.
_KILL_AFTER_SECONDS = 10.0
# How often we look whether others of the command's group have ended, which no signal says.
_LOOK_SECONDS = 0.05
# Bytes of a read: a pipe's capacity on Linux (pipe(7)).
_CHUNK = 65536


@dataclass(slots=True)
class Ending:
    """Whether we were asked to end: by which signal, and when on the monotonic clock."""

    by: signal.Signals | None = None
    at: float = 0.0

    def note(self, number: signal.Signals) -> None:
        """Take note of a signal; the first that asks us to end counts."""
        if self.by is None and number in _ENDING:
            self.by, self.at = number, time.monotonic()

    def left(self, seconds: float) -> float | None:
        """What is left of so many seconds since then; None where nothing asked us to end."""
        return None if self.by is None else max(0.0, self.at + seconds - time.monotonic())


@dataclass(slots=True)
class CommandEnd:
    """How a command ended: its exit code as shells have it, and its output.

    `problem` says what is to be said of its end beside the code, such as `was killed by SIGKILL`.
    """

    code: int
    output: CommandOutput
    problem: str | None = None


@dataclass(slots=True)
class _Stream:
    """One of the command's streams and ours that it goes to.

    `target` is a file descriptor. `unwritten` is what was read and has still to go there; `left` is how many
    bytes are still to be read once the command has ended.
    """

    source: IO[bytes]
    target: int | None
    is_stderr: bool
    unwritten: bytes = b""
    left: int | None = None

    def is_done(self) -> bool:
        """Whether nothing is left to be passed on: others may hold the stream open for ever."""
        return self.source.closed or (self.left is not None and self.left <= 0 and not self.unwritten)


@dataclass(slots=True)
class _TimeLimit:
    """How long a command may run: then its process group gets SIGTERM, and what is left of it SIGKILL."""

    process: subprocess.Popen[bytes]
    seconds: float
    started: float = field(default_factory=time.monotonic)
    has_passed: bool = False
    has_killed: bool = False

    def enforce(self) -> None:
        """Send the group what is due."""
        late = time.monotonic() - self.started - self.seconds
        if not self.has_passed and late >= 0 and self.process.poll() is None:
            self.has_passed = True
            _send(self.process, signal.SIGTERM, to_group=True)
        if self.has_passed and not self.has_killed and late >= _KILL_AFTER_SECONDS:
            self.has_killed = True
            _send(self.process, signal.SIGKILL, to_group=True)

    def is_settled(self) -> bool:
        """Whether nothing of the group is waited for any more: it was in time, or it is gone."""
        return not self.has_passed or self.has_killed or not _has_members(self.process.pid)

    def left(self) -> float | None:
        """The seconds until something is to be done or looked at; None where nothing is."""
        if self.has_killed or (not self.has_passed and self.process.poll() is not None):
            return None
        if self.has_passed and self.process.poll() is not None:
            return _LOOK_SECONDS
        due = self.started + self.seconds + (_KILL_AFTER_SECONDS if self.has_passed else 0.0)
        return max(0.0, due - time.monotonic())


@dataclass(slots=True)
class _Passing:
    """The passing on of a running command's streams and signals."""

    process: subprocess.Popen[bytes]
    signals: SignalPipe
    ending: Ending
    streams: list[_Stream]
    limit: _TimeLimit | None
    when_it_writes: Callable[[], object]
    has_written: bool = False
    output: CommandOutput = field(default_factory=CommandOutput)

    def run(self) -> bool:
        """Pass on until the command has ended and its output is through; False where our time is over."""
        while self.ending.left(_GRACE_SECONDS) != 0.0:
            if self.limit is not None:
                self.limit.enforce()
            if self.process.poll() is not None and (self.limit is None or self.limit.is_settled()):
                for stream in self.streams:
                    stream.left = _unread(stream) if stream.left is None else stream.left
                if all(stream.is_done() for stream in self.streams):
                    break
            self._wait()
        return self.process.poll() is not None

    def _wait(self) -> None:
        """Wait until there is something to pass on, and do so."""
        # Not by epoll, which takes no regular file.
        with selectors.SelectSelector() as waiting:
            waiting.register(self.signals, selectors.EVENT_READ)
            for stream in self.streams:
                if stream.unwritten and stream.target is not None:
                    waiting.register(stream.target, selectors.EVENT_WRITE, stream)
                elif not stream.is_done():
                    waiting.register(stream.source, selectors.EVENT_READ, stream)
            times = (self.ending.left(_GRACE_SECONDS), self.limit.left() if self.limit is not None else None)
            ready = waiting.select(min((each for each in times if each is not None), default=None))
        for key, _ in ready:
            if isinstance(key.data, _Stream):
                self._pass_on(key.data)
            else:
                self._pass_signals_on()

    def _pass_on(self, stream: _Stream) -> None:
        if stream.unwritten and stream.target is not None:
            _write(stream, stream.target)
            return
        chunk = os.read(stream.source.fileno(), _CHUNK if stream.left is None else min(_CHUNK, stream.left))
        if not chunk:
            stream.source.close()
        elif not self.has_written:
            self.has_written = True
            self.when_it_writes()
        self.output.add(chunk, is_stderr=stream.is_stderr)
        if stream.left is not None:
            stream.left -= len(chunk)
        if stream.target is not None:
            stream.unwritten = chunk

    def _pass_signals_on(self) -> None:
        for number in self.signals.read():
            # A process group of its own is not in the foreground: the terminal tells us alone.
            if number not in PASSED_ON or (
                number in _OF_TERMINAL and self.limit is None and _is_in_foreground()
            ):
                continue
            self.ending.note(number)
            _send(self.process, number, to_group=self.limit is not None)


def run(
    command: list[str],
    signals: SignalPipe,
    ending: Ending,
    *,
    env: Mapping[str, str] | None = None,
    timeout: timedelta | None = None,
    when_it_writes: Callable[[], object] = lambda: None,
) -> CommandEnd:
    """Run `command` to its end, with its output on our streams.

    It ends with the command itself: what that left in the background may keep its streams, and is not waited
    for. `signals` are passed on, and one that asks us to end is noted in `ending`: then the command has a
    second. `env` is its environment, ours unless given; `when_it_writes` is called once it has any output.

    With a `timeout` it runs in a process group of its own, as with timeout(1): all of it gets SIGTERM then,
    and SIGKILL ten seconds later.
    """
    group = None if timeout is None else 0
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, process_group=group
        )
    except OSError as error:
        print(f"runlog: {command[0]}: {error.strerror}", file=sys.stderr)
        output = CommandOutput()
        output.add(os.fsencode(f"{command[0]}: {error.strerror}"), is_stderr=True)
        return CommandEnd(127 if isinstance(error, FileNotFoundError) else 126, output)
    pairs = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    streams = [_Stream(source, _descriptor(ours), ours is sys.stderr) for source, ours in pairs if source]
    limit = None if timeout is None else _TimeLimit(process, timeout.total_seconds())
    passing = _Passing(process, signals, ending, streams, limit, when_it_writes)
    ended = passing.run()
    for stream in streams:
        stream.source.close()
    if limit is not None and limit.has_passed:
        if not limit.is_settled():  # we are asked to end before its time is up
            _send(process, signal.SIGKILL, to_group=True)
        return CommandEnd(TIMED_OUT, passing.output, f"timed out after {in_words(timeout or timedelta())}")
    if not ended and ending.by is not None:
        return CommandEnd(128 + ending.by, passing.output, f"did not end at {ending.by.name}")
    # As shells do: 128 plus the number of the signal that ended the command (POSIX, 2.8.2).
    code = process.wait()
    if code >= 0:
        return CommandEnd(code, passing.output)
    return CommandEnd(128 - code, passing.output, f"was killed by {_signal_name(-code)}")


def _send(process: subprocess.Popen[bytes], number: signal.Signals, *, to_group: bool) -> None:
    """Send a signal to the command, or to all of its process group, if there is still one."""
    for each in (number, signal.SIGCONT):  # a stopped process takes no signal before it goes on
        if not to_group:
            process.send_signal(each)
            continue
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, each)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # of another user by now, and still there
    return True


def _signal_name(number: int) -> str:
    """`SIGKILL` of 9; real-time signals have no names but the first and the last."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _descriptor(stream: TextIO | None) -> int | None:
    """Where `stream` writes to; None where it was closed when we were started, or is no file."""
    try:
        return None if stream is None else stream.fileno()
    except OSError:
        return None


def _write(stream: _Stream, target: int) -> None:
    """Write some of what was read; a stream that can be written takes so much at once."""
    try:
        stream.unwritten = stream.unwritten[os.write(target, stream.unwritten[: select.PIPE_BUF]) :]
    except OSError:
        # Its reader has closed our stream: closing the command's passes that on to it.
        stream.unwritten = b""
        stream.source.close()


def _unread(stream: _Stream) -> int:
    """How many bytes wait in a stream."""
    if stream.source.closed:
        return 0
    return int.from_bytes(fcntl.ioctl(stream.source, termios.FIONREAD, bytes(4)), sys.byteorder)


def _is_in_foreground() -> bool:
    """Whether we belong to what a terminal's keys are sent to."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
