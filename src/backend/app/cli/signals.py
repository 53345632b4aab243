"""Signals as bytes of a pipe, which a loop can wait for beside other streams."""

import os
import select
import signal
from collections.abc import Iterable
from types import FrameType
from typing import Self


class SignalPipe:
    """While it is open, the signals of these numbers do nothing but arrive here. From the main thread only.

    What the process was started to ignore, as under nohup, stays ignored.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = list(numbers)

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._handlers_before = {
            number: signal.signal(number, _arrive)
            for number in self._numbers
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """The descriptor that is readable when something has arrived."""
        return self._reader

    def wake(self) -> None:
        """End a wait, from any thread."""
        os.write(self._writer, b"\0")

    def wait(self, timeout: float | None) -> None:
        """Wait for something to arrive, for at most `timeout` seconds."""
        select.select([self._reader], [], [], timeout)

    def read(self) -> list[signal.Signals]:
        """The signals that have arrived since the last call."""
        try:
            return [signal.Signals(number) for number in os.read(self._reader, 4096) if number]
        except BlockingIOError:
            return []


def _arrive(_number: int, _frame: FrameType | None) -> None:
    """Let Python write the number to the pipe."""
