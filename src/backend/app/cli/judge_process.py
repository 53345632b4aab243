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

# In seconds: a process that cannot start at all must not take the processors from the worker.
_RESTART_DELAY = 5.0
# In seconds, before SIGKILL: a worker itself has 20 from the supervisor.
_STOP_TIMEOUT = 10.0
# Seconds between two looks whether it has ended.
_POLL_INTERVAL = 0.2


class JudgeProcess:
    """`runlog worker --judge`, restarted whenever it ends, until the end of the block."""

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
        """Give it some seconds to finish; runs that it leaves are judged later."""
        self._stopping.set()
        self._thread.join()

    def _keep_running(self) -> None:
        # The kernel ends the process with this thread, and this thread ends with the worker.
        while not self._stopping.is_set():
            argv = [sys.executable, "-P", "-m", "app.cli.main", "worker", "--judge"]
            process = spawn(argv, env=os.environ, death_signal=signal.SIGKILL)
            while process.poll() is None and not self._stopping.wait(_POLL_INTERVAL):
                pass
            if self._stopping.is_set():
                process.terminate()
                finish(process, _STOP_TIMEOUT)
                return
            log.warning("judge_process_ended", status=process.returncode)
            self._stopping.wait(_RESTART_DELAY)
