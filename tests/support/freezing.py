"""Processes that are stopped (SIGSTOP) and go on, as on a machine whose disk hangs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def freeze(pid: int) -> list[psutil.Process]:
    """Stop the process and all of its descendants, those too that it starts meanwhile; returns them."""
    first = psutil.Process(pid)
    frozen: list[psutil.Process] = []
    while new := [each for each in (first, *first.children(recursive=True)) if each not in frozen]:
        for process in new:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
            frozen.append(process)
    return frozen


def thaw(frozen: list[psutil.Process]) -> None:
    """Let them go on."""
    for process in frozen:
        with suppress(psutil.NoSuchProcess):
            process.resume()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process and its descendants are stopped for the time of the block."""
    processes = freeze(pid)
    try:
        yield
    finally:
        thaw(processes)
