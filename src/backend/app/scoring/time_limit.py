"""An end to one scorer's work on one run, so that no report takes a worker from all others."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from app.errors import RunLogError


class ScoringTimeoutError(RunLogError):
    """A scorer took too long over a run."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `ScoringTimeoutError` where the block takes longer, also within a regular expression.

    Only a process's main thread can be interrupted, as a worker's tasks run there; elsewhere nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expire(*_: object) -> NoReturn:
        raise ScoringTimeoutError(f"scoring took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
