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
from dataclasses import dataclass, field
from typing import IO, TextIO

from app.cli.command_output import CommandOutput
from app.cli.signals import SignalPipe

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
# A terminal sends these to the command as well, and there the command decides whether to end.
_OF_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
PASSED_ON = (*_ENDING, signal.SIGUSR1, signal.SIGUSR2)
"""The signals that are the command's, not ours."""

ENDING_SECONDS = 1.75
"""How long we go on after a signal that asks us to end: less than the 2 s at which others kill."""

# Of these, what is left to a command that was asked to end; the rest is for reporting it.
_GRACE_SECONDS = 1.0
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

    `ignored` is the signal at which it did not end in time, if any; then it may run still.
    """

    code: int
    output: CommandOutput
    ignored: signal.Signals | None = None


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
class _Passing:
    """The passing on of a running command's streams and signals."""

    process: subprocess.Popen[bytes]
    signals: SignalPipe
    ending: Ending
    streams: list[_Stream]
    output: CommandOutput = field(default_factory=CommandOutput)

    def run(self) -> bool:
        """Pass on until the command has ended and its output is through; False where our time is over."""
        while self.ending.left(_GRACE_SECONDS) != 0.0:
            if self.process.poll() is not None:
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
            ready = waiting.select(self.ending.left(_GRACE_SECONDS))
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
        self.output.add(chunk, is_stderr=stream.is_stderr)
        if stream.left is not None:
            stream.left -= len(chunk)
        if stream.target is not None:
            stream.unwritten = chunk

    def _pass_signals_on(self) -> None:
        for number in self.signals.read():
            if number not in PASSED_ON or (number in _OF_TERMINAL and _is_in_foreground()):
                continue
            self.ending.note(number)
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)  # a stopped process takes no signal before


def run(command: list[str], signals: SignalPipe, ending: Ending) -> CommandEnd:
    """Run `command` to its end, with its output on our streams.

    It ends with the command itself: what that left in the background may keep its streams, and is not waited
    for. `signals` are passed on, and one that asks us to end is noted in `ending`: then the command has a
    second.
    """
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        print(f"runlog: {command[0]}: {error.strerror}", file=sys.stderr)
        output = CommandOutput()
        output.add(os.fsencode(f"{command[0]}: {error.strerror}"), is_stderr=True)
        return CommandEnd(127 if isinstance(error, FileNotFoundError) else 126, output)
    pairs = ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
    streams = [_Stream(source, _descriptor(ours), ours is sys.stderr) for source, ours in pairs if source]
    passing = _Passing(process, signals, ending, streams)
    ended = passing.run()
    for stream in streams:
        stream.source.close()
    if not ended and ending.by is not None:
        return CommandEnd(128 + ending.by, passing.output, ending.by)
    # As shells do: 128 plus the number of the signal that ended the command (POSIX, 2.8.2).
    code = process.wait()
    return CommandEnd(code if code >= 0 else 128 - code, passing.output)


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
