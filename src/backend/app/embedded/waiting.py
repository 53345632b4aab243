"""Waiting for what other processes do."""

import time
from collections.abc import Callable

_POLL_SECONDS = 0.05


def comes_true(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether `condition` comes to hold within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
