"""Back-pressure: how long a worker waits between two batches, so that scoring does not slow recording down.

A low priority is not enough. The scheduler lets a running process go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes a third
of the ingest rate at any priority. So where others leave less than one processor free, the worker waits:

1. Before a batch: where an overload begins after a pause, it measures the machine and waits first.
2. The batch is scored, with the processor use of others measured at its beginning and its end.
3. After it: it waits the longer, the more processor time was missing and the longer the batch took. Where no
   overload is on, it does not wait beyond the age at which its runs are to be scored.

An overload is on while more runs come in than the worker could score. That is asked of the log: when the runs
of a batch were made says nothing of it where they have waited. So a backlog of any age gives way to runs that
come in, and to nothing else for longer than `MAX_AGE`; and no delay is longer than `MAX_DELAY`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from app.db.session import transaction
from app.runs.arrivals import arrival_rate
from app.tasks.calibration import (
    DELAYS_PER_BATCH,
    IDLE_SECONDS,
    MAX_AGE,
    MAX_DELAY,
    MEASURE_SECONDS,
    MIN_FREE_PROCESSORS,
    MIN_OVERLOAD_RATE,
    OVERLOAD_FACTOR,
)

_STAT = Path("/proc/stat")


def others_seconds() -> float | None:
    """Processor time used so far on this machine by others than this process; None where it is not known.

    The worker's other processes count as others: ingest cannot have what they take either.
    """
    try:
        user, nice, system, _idle, _iowait, irq, softirq, steal = (
            int(ticks) for ticks in _STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]
        )
    except (OSError, ValueError):  # only Linux has it
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - time.process_time()


async def _arrivals() -> float:
    async with transaction() as session:
        return await arrival_rate(session)


def delay_seconds(*, busy: float, worked: float) -> float:
    """How long to wait after a batch that took `worked` seconds, while others keep `busy` processors busy."""
    missing = MIN_FREE_PROCESSORS - ((os.cpu_count() or 1) - busy)
    return max(0.0, min(MAX_DELAY, DELAYS_PER_BATCH * worked * missing))


class Pace:
    """The delays of one process.

    `clock` is monotonic, in seconds; `arrivals` says how many runs a second come in now.
    """

    def __init__(self, clock: Callable[[], float], arrivals: Callable[[], Awaitable[float]]) -> None:
        self._clock, self._arrivals = clock, arrivals
        self._began = clock()
        # Not before the first batch: what the process that forks this one has used would count as others'.
        self._measured_at = float("-inf")
        self._used: float | None = None
        self._busy = self._busy_before = 0.0
        self._scores = 0.0  # a second, in the last batch
        self._delayed_until = float("-inf")

    async def delay_overload(self) -> None:
        """Before a batch: where an overload begins, measure the machine and wait.

        While it lasts, `delay_after` does. A burst that is over within one delay is not slowed at all.
        """
        if self._clock() - self._delayed_until > IDLE_SECONDS and await self._is_overload():
            self._measure()
            await asyncio.sleep(MEASURE_SECONDS)
            await asyncio.sleep(delay_seconds(busy=self._measure(), worked=MAX_DELAY))

    def begin(self) -> None:
        """A batch begins."""
        self._busy_before = self._measure()
        self._began = self._delayed_until = self._clock()

    async def delay_after(self, scored: int, made: Sequence[datetime], now: datetime) -> float:
        """How many seconds to wait after the batch that began, which scored so many runs.

        `made` is when its runs were, as far as known; where it is not, they are as old as any.
        """
        worked = self._clock() - self._began
        self._scores = scored / worked
        delay = await self._delay(worked, now - min(made) if made else MAX_AGE)
        self._delayed_until = self._clock() + delay
        return delay

    async def delay_after_backfill(self) -> float:
        """How many seconds to wait after the batch that began, of runs whose scores are not urgent."""
        return await self._delay(self._clock() - self._began, timedelta())

    async def _delay(self, worked: float, age: timedelta) -> float:
        delay = delay_seconds(busy=self._busy_around_batch(), worked=worked)
        if delay and not await self._is_overload():
            return min(delay, max(0.0, (MAX_AGE - age).total_seconds()))
        return delay

    async def _is_overload(self) -> bool:
        return await self._arrivals() > max(MIN_OVERLOAD_RATE, OVERLOAD_FACTOR * self._scores)

    def _busy_around_batch(self) -> float:
        """How many processors others kept busy before the batch or during it, whichever is more.

        During it they lack what the batch takes; before it there may have been nothing to do.
        """
        return max(self._busy_before, self._measure())

    def _measure(self) -> float:
        """How many processors others kept busy since the last measurement; or its result if too recent."""
        now = self._clock()
        if now - self._measured_at >= MEASURE_SECONDS:
            used, before = others_seconds(), self._used
            if used is not None and before is not None:
                self._busy = (used - before) / (now - self._measured_at)
            self._measured_at, self._used = now, used
        return self._busy


def new_pace() -> Pace:
    """The delays of this process, by its clock and by how fast its database's log grows."""
    return Pace(time.monotonic, _arrivals)
