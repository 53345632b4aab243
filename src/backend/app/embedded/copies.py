"""Programs that run in copies of this process: they share the memory of what it has loaded for them."""

import logging
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

from app.embedded.process import die_with_parent

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds between two looks whether a copy has ended.
_POLL_INTERVAL = 0.02


class Copy:
    """A copy of this process that runs `main`; used as a `subprocess.Popen` is.

    It has `env`, a session of its own, an empty stdin, and `output` as stdout and stderr, and gets
    `death_signal` when this process ends. A page of memory is shared until one of the two writes to it.

    Make it in the main thread of a process that has no other one, for the copy would not have it, and no
    connection, for both would use it. Raises `OSError` when it cannot be started.
    """

    def __init__(
        self,
        main: Callable[[], None],
        *,
        env: Mapping[str, str],
        death_signal: signal.Signals,
        output: int,
    ) -> None:
        parent, env = os.getpid(), dict(env)

        def run() -> None:
            _become(env, output)
            die_with_parent(death_signal, parent)
            try:
                main()
            finally:
                logging.shutdown()  # `multiprocessing` runs nothing that is registered for the exit

        self._process = multiprocessing.get_context("fork").Process(target=run)
        # Until the copy has its own handlers, it would take a signal as if it were this process.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit status, or less the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        # `join` would wait for its children, too, which have its end of a pipe.
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
            time.sleep(_POLL_INTERVAL)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _become(env: Mapping[str, str], output: int) -> None:
    os.setsid()
    for number in _STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(env)
