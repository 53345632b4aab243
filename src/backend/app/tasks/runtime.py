"""The one event loop of a worker process, so that its connections outlive a task."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

_runner: asyncio.Runner | None = None


def start() -> None:
    """Make this process's loop. A pool process calls it right after its fork."""
    global _runner
    _runner = asyncio.Runner()


def stop() -> None:
    """Close the loop and what is bound to it."""
    global _runner
    if _runner is not None:
        _runner.close()
        _runner = None


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` on the process's loop; outside a pool process on a loop of its own."""
    if _runner is None:
        return asyncio.run(coroutine)
    # A runner would else keep the context of its start, and with it the first task's id.
    return _runner.run(coroutine, context=copy_context())
