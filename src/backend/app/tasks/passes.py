"""A pass: transactions one after the other for a while; the next pass goes on."""

import time
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import transaction
from app.tasks.pacing import Pace


async def run_pass(
    step: Callable[[AsyncSession], Awaitable[bool]], ends: float, pace: Pace | None = None
) -> bool:
    """Take `step` in transactions of its own until it says that no more is left; whether it came so far.

    No transaction begins after `ends`, on the monotonic clock. With a `pace`, one is the last while many runs
    come in and processors are short.
    """
    while time.monotonic() < ends:
        if pace is not None:
            pace.begin()
        async with transaction() as session:
            more = await step(session)
        if not more:
            return True
        if pace is not None and await pace.must_give_way():
            return False
    return False
