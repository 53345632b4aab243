"""Back-pressure: how long a worker waits between two batches, so that scoring does not slow recording down.

A low priority is not enough. The scheduler lets a running process go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes a third
of the ingest rate at any priority. So where others leave less than one processor free, the worker waits:

1. Before a batch: where an overload begins after a pause, it measures the machine and waits first.
2. The batch is scored, with the processor use of others measured at its beginning and its end.
3. After it: it waits the longer, the more processor time was missing and the longer the batch took, but not
   beyond the age at which its runs are to be scored.

Scores of runs at a rate that the worker can follow are late by seconds for that, in an overload by minutes.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from app.tasks.calibration import (
    DELAYS_PER_BATCH,
    IDLE_SECONDS,
    MAX_AGE,
    MAX_AGE_IN_OVERLOAD,
    MAX_DELAY,
    MEASURE_SECONDS,
    MIN_FREE_PROCESSORS,
    MIN_OVERLOAD_RATE,
    MIN_SPAN,
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


def delay_seconds(*, busy: float, worked: float, age: timedelta, overload: bool) -> float:
    """How long to wait after a batch that took `worked` seconds and whose oldest run is of `age`.

    `busy` is how many processors others keep busy; in an `overload` more runs come in than can be scored.
    """
    missing = MIN_FREE_PROCESSORS - ((os.cpu_count() or 1) - busy)
    max_age = MAX_AGE_IN_OVERLOAD if overload else MAX_AGE
    return max(0.0, min(MAX_DELAY, DELAYS_PER_BATCH * worked * missing, (max_age - age).total_seconds()))


class Pace:
    """The delays of one process. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        # Not before the first batch: what the process that forks this one has used would count as others'.
        self._measured_at = float("-inf")
        self._used: float | None = None
        self._busy = self._busy_before = 0.0
        self._scores = 0.0  # a second, in the last batch
        self._delayed_until = float("-inf")

    async def delay_overload(self, made: Sequence[datetime], now: datetime) -> None:
        """Before a batch of runs `made` then: where an overload begins, measure the machine and wait.

        While it lasts, `delay_after` does. A burst that is over within one delay is not slowed at all.
        """
        if made and self._clock() - self._delayed_until > IDLE_SECONDS and self._is_overload(made):
            self._measure()
            await asyncio.sleep(MEASURE_SECONDS)
            age = now - min(made)
            delay = delay_seconds(busy=self._measure(), worked=MAX_DELAY, age=age, overload=True)
            await asyncio.sleep(delay)

    def begin(self) -> None:
        """A batch begins."""
        self._busy_before = self._measure()
        self._began = self._delayed_until = self._clock()

    def delay_after(self, made: Sequence[datetime], now: datetime) -> float:
        """`delay_seconds` after the batch that began, of runs `made` then, by what others use."""
        busy = self._busy_around_batch()
        if not made:
            return 0.0
        worked = self._clock() - self._began
        self._scores = len(made) / worked
        delay = delay_seconds(busy=busy, worked=worked, age=now - min(made), overload=self._is_overload(made))
        self._delayed_until = self._clock() + delay
        return delay

    def delay_after_backfill(self) -> float:
        """`delay_seconds` after the batch that began, of runs whose scores are not urgent."""
        busy = self._busy_around_batch()
        return delay_seconds(busy=busy, worked=self._clock() - self._began, age=timedelta(), overload=False)

    def _is_overload(self, made: Sequence[datetime]) -> bool:
        rate = len(made) / max((max(made) - min(made)).total_seconds(), MIN_SPAN)
        return rate > max(MIN_OVERLOAD_RATE, OVERLOAD_FACTOR * self._scores)

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
