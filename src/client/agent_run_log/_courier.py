"""The thread that delivers what is spooled while the process lives, and the last try when it ends."""

import atexit
import logging
import os
import random
import threading

from agent_run_log._delivery import deliver
from agent_run_log._errors import SpoolError
from agent_run_log._settings import Target
from agent_run_log._spool import Delivery, Spool

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
"""Between tries, each twice as long as the one before: at last a server is asked once a minute."""
EXIT_SECONDS = 2.0
"""How long the end of the process waits for the last try at most."""

# How long one round may hold the lock while other processes wait for their own report.
_ROUND_SECONDS = 60.0

_log = logging.getLogger("agent_run_log")


class Courier:
    """Delivers by a daemon thread, which lives while something is spooled."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._work: tuple[Spool, Target] | None = None

    def start(self, spool: Spool, target: Target) -> None:
        """Have the spool delivered, again and again, until nothing is left; from now on also at the end."""
        with self._lock:
            if self._work is None:
                atexit.register(self._end)
            self._work = spool, target
            if self._thread is not None and self._thread.is_alive():
                return
            self._thread = threading.Thread(target=self._run, name="agent-run-log-courier", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is about to end: then comes the last try
                self._thread = None

    def forget(self) -> None:
        """In a child that was forked: the thread and what was spooled are its parent's."""
        atexit.unregister(self._end)
        self._reset()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._is_ending.wait(pause * random.uniform(0.5, 1.0)):  # noqa: S311
            delivery = self._try(_ROUND_SECONDS)
            if delivery.left == 0 and self._is_done():
                return
            pause = FIRST_PAUSE_SECONDS if delivery.delivered else min(2 * pause, LONGEST_PAUSE_SECONDS)
            pause = max(pause, 2 * delivery.pause)

    def _is_done(self) -> bool:
        """Whether nothing was spooled since: then the next `start` makes another thread."""
        with self._lock:
            try:
                if self._work is not None and not self._work[0].is_empty():
                    return False
            except SpoolError:
                return False
            self._thread = None
            return True

    def _try(self, seconds: float) -> Delivery:
        if self._work is None:
            return Delivery()
        try:
            return deliver(*self._work, seconds)[0]
        except SpoolError as error:
            return Delivery(left=1, reason=str(error))

    def _end(self) -> None:
        self._is_ending.set()
        delivery = self._try(EXIT_SECONDS)
        if delivery.left:
            _log.warning("reports wait in the spool for a later process: %s", delivery.reason)


COURIER = Courier()
os.register_at_fork(after_in_child=COURIER.forget)
