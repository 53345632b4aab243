"""Back-pressure: how long a worker waits between two batches, so that scoring does not slow recording down.

A low priority is not enough. The scheduler lets a running process go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes a third
of the ingest rate at any priority. So where others leave less than one processor free, the worker waits:

1. Before a batch: where an overload begins after a pause, it measures the machine and waits first.
2. The batch is scored, with the processor use of others measured at its beginning and its end.
3. After it: it waits the longer, the more processor time was missing and the longer the batch took. Where no
   overload is on, it does not wait beyond the age at which its runs are to be scored.
4. Where a more urgent message comes meanwhile, such as one about alerts, the task ends, so that the process
   takes it. The rest of the delay is waited before the next batch; a task that ends before its batch leaves
   its runs to the sweep.

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

from app.broker import URGENT_QUEUES, are_waiting
from app.db.session import transaction
from app.runs.arrivals import arrival_rate
from app.tasks.calibration import (
    DELAYS_PER_BATCH,
    IDLE_SECONDS,
    LOOK_SECONDS,
    MAX_AGE,
    MAX_DELAY,
    MAX_ENDED,
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


def _urgent() -> bool:
    from app.tasks.celery_app import celery_app  # the command line, which waits for nothing, needs no broker

    return are_waiting(celery_app, URGENT_QUEUES)


async def _arrivals() -> float:
    async with transaction() as session:
        return await arrival_rate(session)


def delay_seconds(*, busy: float, worked: float) -> float:
    """How long to wait after a batch that took `worked` seconds, while others keep `busy` processors busy."""
    missing = MIN_FREE_PROCESSORS - ((os.cpu_count() or 1) - busy)
    return max(0.0, min(MAX_DELAY, DELAYS_PER_BATCH * worked * missing))


class DelayEndedError(Exception):
    """A delay was cut short, because a more urgent message waits for the process."""


class Pace:
    """The delays of one process.

    `clock` is monotonic, in seconds; `arrivals` says how many runs a second come in now, and `urgent` whether
    a message waits that is more urgent than scoring.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        arrivals: Callable[[], Awaitable[float]],
        urgent: Callable[[], bool],
    ) -> None:
        self._clock, self._arrivals, self._urgent = clock, arrivals, urgent
        self._ended = 0  # delays cut short since the last batch
        self._began = clock()
        # Not before the first batch: what the process that forks this one has used would count as others'.
        self._measured_at = float("-inf")
        self._used: float | None = None
        self._busy = self._busy_before = 0.0
        self._scores = 0.0  # a second, in the last batch
        self._delayed_until = float("-inf")

    async def delay_before(self) -> None:
        """Before a batch: wait for the rest of a delay; where an overload begins, measure the machine first.

        While it lasts, `delay_after` does. A burst that is over within one delay is not slowed at all. Raises
        `DelayEndedError`.
        """
        if self._clock() - self._delayed_until > IDLE_SECONDS and await self._is_overload():
            self._measure()
            await asyncio.sleep(MEASURE_SECONDS)
            self._delayed_until = self._clock() + delay_seconds(busy=self._measure(), worked=MAX_DELAY)
        await self.wait()

    def begin(self) -> None:
        """A batch begins."""
        self._busy_before = self._measure()
        self._began = self._delayed_until = self._clock()
        self._ended = 0

    async def delay_after(self, scored: int, made: Sequence[datetime], now: datetime) -> float:
        """How many seconds to wait after the batch that began, which scored so many runs.

        `made` is when its runs were, as far as known; where it is not, they are as old as any.
        """
        worked = self._clock() - self._began
        self._scores = scored / worked
        delay = await self._delay(worked, now - min(made) if made else MAX_AGE)
        self._delayed_until = self._clock() + delay
        return delay

    async def wait(self) -> None:
        """Wait for what is left of the delay. Raises `DelayEndedError` where it is cut short."""
        while (left := self._delayed_until - self._clock()) > 0:
            if self._ended < MAX_ENDED and self._urgent():
                self._ended += 1
                raise DelayEndedError
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def delay_after_backfill(self) -> float:
        """How many seconds to wait after the batch that began, of runs whose scores are not urgent."""
        return await self._delay(self._clock() - self._began, timedelta())

    async def must_give_way(self) -> bool:
        """Whether work that may wait should end after the batch that began.

        So while many runs come in and processors are short.
        """
        busy = delay_seconds(busy=self._busy_around_batch(), worked=MAX_DELAY) > 0
        return busy and await self._arrivals() > MIN_OVERLOAD_RATE

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
    """The delays of this process, by its clock, how fast its log grows, and what its broker has."""
    return Pace(time.monotonic, _arrivals, _urgent)
