"""What a worker process runs on: the rest of the machine's processors, and one event loop."""

import asyncio
import gc
import os
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypeVar

from app.tasks.calibration import GC_THRESHOLDS, NICENESS

T = TypeVar("T")

AUTOGROUP = Path("/proc/self/autogroup")

_runner: asyncio.Runner | None = None


def yield_processors() -> None:
    """Have ingest and the database go first, where processors are short. Child processes inherit it.

    Linux shares processors out between sessions first (autogroups), and niceness counts only within
    one; so the session is lowered too, but only where this process leads it and no other one's is changed.
    """
    with suppress(OSError):  # not allowed, or not known on this system: scoring works without it
        os.nice(NICENESS)
        if os.getsid(0) == os.getpid():
            AUTOGROUP.write_text(str(NICENESS))


def start() -> None:
    """Make this process's loop, so that connections outlive a task. A pool process calls it once forked."""
    global _runner
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
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
    # By default a runner keeps the context of its start, and with it the first task's id.
    return _runner.run(coroutine, context=copy_context())
