"""A lock between processes that ends with the process that holds it, however that ends."""

import errno
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds between tries to get it, spread so that many do not try together.
_SHORTEST_WAIT = 0.001
_LONGEST_WAIT = 0.01

# A child that was forked meanwhile has a copy of the descriptor, which would keep the lock after our end.
_held: set[int] = set()


def _close_in_child() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_close_in_child)


@contextmanager
def locked(path: Path, seconds: float, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[int | None]:
    """Hold the lock of the file at `path`, which is made where there is none; its descriptor is given.

    It is None where others held the lock for `seconds`, or until `is_wanted` said no. Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _held.add(descriptor)
    try:
        yield descriptor if _acquired(descriptor, seconds, is_wanted) else None
    finally:
        if descriptor in _held:  # not in a child
            _held.discard(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _acquired(descriptor: int, seconds: float, is_wanted: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    wait = _SHORTEST_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR):
                raise
        else:
            return True
        if time.monotonic() >= deadline or not is_wanted():
            return False
        time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
        wait = min(2 * wait, _LONGEST_WAIT)
