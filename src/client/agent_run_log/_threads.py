"""Threads for reports of coroutines and of schedulers, which have better things to do than wait."""

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

THREADS = 8
"""Reports of coroutines that are under way at once; further ones wait for their turn."""

P = ParamSpec("P")
T = TypeVar("T")


@functools.cache
def pool(threads: int) -> ThreadPoolExecutor:
    """The process's pool of so many threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix="agent-run-log")


os.register_at_fork(after_in_child=pool.cache_clear)


def in_order(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Have a thread call a function after those given before; the end of the process waits for it."""
    _submitted(1, function, *args, **kwargs)


def _submitted(threads: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    try:
        return pool(threads).submit(function, *args, **kwargs)
    except RuntimeError:  # the interpreter is about to end and starts no thread any more
        done: Future[T] = Future()
        done.set_result(function(*args, **kwargs))
        return done


async def awaited(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function by a thread and wait for it, without holding up the event loop.

    It goes on to its end when the task that waits is cancelled.
    """
    return await asyncio.shield(asyncio.wrap_future(_submitted(THREADS, function, *args, **kwargs)))
