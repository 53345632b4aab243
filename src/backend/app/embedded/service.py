"""A program the supervisor keeps running: the API, a worker, the scheduler."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from app.embedded import process
from app.embedded.copies import Copy
from app.embedded.process import Child, EmbeddedServerError, Process


class Service(Child):
    """The program `argv`, in a session of its own, with its output on our stderr.

    With `main` it is a copy of this process that calls `main` instead.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGTERM,
        main: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.argv = argv
        self.env = env
        self.stop_signal = stop_signal
        self.death_signal = death_signal
        self.main = main

    def launch(self) -> None:
        """Start the program; from the main thread. Raises `EmbeddedServerError`."""
        try:
            self._process = self._start()
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(f"the {self.name} could not be started: {error}") from error

    def _start(self) -> Process:
        output = subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno()
        if self.main is None:
            return process.spawn(self.argv, env=self.env, death_signal=self.death_signal, output=output)
        return Copy(self.main, env=self.env, death_signal=self.death_signal, output=output)

    def poll(self) -> int | None:
        """The exit code when the program has ended, None while it runs."""
        status = super().poll()
        if status is not None:
            self._kill_rest()
        return status

    def finish(self, timeout: float) -> None:
        """Wait `timeout` seconds for the end, then bring it about by SIGKILL."""
        super().finish(timeout)
        self._kill_rest()

    def _kill_rest(self) -> None:
        """End what the program left of its own children, which would hold its port or its tasks."""
        if self._process is None:
            return
        # PermissionError is how macOS says that only zombies are left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
