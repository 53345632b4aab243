"""The process beside a worker that asks the judge: slow calls must not hold up scores, audits or alerts."""

import os
import signal
import sys
import threading
from types import TracebackType
from typing import Self

from app.embedded.process import finish, spawn
from app.logs import get_logger

log = get_logger(__name__)

_PAUSE = 5.0
_PATIENCE = 10.0


class JudgeProcess:
    """`runlog worker --judge`, started anew whenever it ends, until the block does."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name="judge", daemon=True)

    def __enter__(self) -> Self:
        """Start it."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it finish what it is doing for some seconds; what it leaves is asked again."""
        self._stopping.set()
        self._thread.join()

    def _keep_running(self) -> None:
        # The kernel ends the process with this thread, and this thread ends with the worker.
        while not self._stopping.is_set():
            argv = [sys.executable, "-P", "-m", "app.cli.main", "worker", "--judge"]
            process = spawn(argv, env=os.environ, death_signal=signal.SIGKILL)
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            if self._stopping.is_set():
                process.terminate()
                finish(process, _PATIENCE)
                return
            log.warning("judge_process_ended", status=process.returncode)
            self._stopping.wait(_PAUSE)
