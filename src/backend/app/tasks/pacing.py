"""How long a worker rests between two batches, so that recording runs is not slowed by scoring them.

A low priority is not enough. The scheduler lets whoever runs go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes
a third of the ingest rate, at whatever priority. So where others leave less than one processor free,
the worker rests. Runs at a rate that it can follow are late by seconds for that, a flood by minutes.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

_STAT = Path("/proc/stat")
_LATEST = timedelta(seconds=3)
_LATEST_IN_A_FLOOD = timedelta(minutes=10)
_FLOOD = 3  # times as many runs/s as this process scores
_LEAST_FLOOD = 1500  # runs/s: small batches, and one that was held up, say little of what the process can do
_LONGEST_REST = 10.0
_RESTS_PER_BATCH = 50
_LEAST_SPAN = 0.01  # seconds: few runs are no flood
_IDLE_SECONDS = 1.0
_LOOK_SECONDS = 0.2  # processor time is told in hundredths of a second


def others_seconds() -> float | None:
    """Processor time used so far on this machine by others than this process; None where that is not known.

    The worker's other processes are others too: what they take, whoever records runs cannot.
    """
    try:
        user, nice, system, _idle, _iowait, irq, softirq, steal = (
            int(ticks) for ticks in _STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]
        )
    except (OSError, ValueError):  # only Linux has it
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - time.process_time()


def rest_seconds(*, busy: float, worked: float, age: timedelta, flood: bool) -> float:
    """How long to rest after a batch that took `worked` seconds and whose oldest run is of `age`.

    `busy` is how many processors others keep busy; in a `flood` more runs come in than can be scored.
    """
    missing = 1 - ((os.cpu_count() or 1) - busy)
    latest = _LATEST_IN_A_FLOOD if flood else _LATEST
    return max(0.0, min(_LONGEST_REST, _RESTS_PER_BATCH * worked * missing, (latest - age).total_seconds()))


class Pace:
    """The rests of one process. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        # Not before the first batch: what the process that forks this one has used would count as others'.
        self._looked_at = float("-inf")
        self._used: float | None = None
        self._busy = self._busy_before = 0.0
        self._scores = 0.0  # a second, in the last batch
        self._rests_until = float("-inf")

    async def let_burst_pass(self, made: Sequence[datetime], now: datetime) -> None:
        """Before a batch of runs `made` then: where a flood begins, see what others use and rest by it.

        Later `rest_after` does. A burst that lasts no longer than a rest is not slowed at all.
        """
        if made and self._clock() - self._rests_until > _IDLE_SECONDS and self._is_flood(made):
            self._look()
            await asyncio.sleep(_LOOK_SECONDS)
            age = now - min(made)
            await asyncio.sleep(rest_seconds(busy=self._look(), worked=_LONGEST_REST, age=age, flood=True))

    def begin(self) -> None:
        """A batch begins."""
        self._busy_before = self._look()
        self._began = self._rests_until = self._clock()

    def rest_after(self, made: Sequence[datetime], now: datetime) -> float:
        """`rest_seconds` after the batch that began, of runs `made` then, by what others use."""
        busy = self._look_back()
        if not made:
            return 0.0
        worked = self._clock() - self._began
        self._scores = len(made) / worked
        rest = rest_seconds(busy=busy, worked=worked, age=now - min(made), flood=self._is_flood(made))
        self._rests_until = self._clock() + rest
        return rest

    def rest_unhurried(self) -> float:
        """`rest_seconds` after the batch that began, for which nobody waits."""
        busy = self._look_back()
        return rest_seconds(busy=busy, worked=self._clock() - self._began, age=timedelta(), flood=False)

    def _is_flood(self, made: Sequence[datetime]) -> bool:
        rate = len(made) / max((max(made) - min(made)).total_seconds(), _LEAST_SPAN)
        return rate > max(_LEAST_FLOOD, _FLOOD * self._scores)

    def _look_back(self) -> float:
        """How many processors others kept busy before the batch or during it, whichever is more.

        During it they have not what the batch takes; before it there may have been nothing to do.
        """
        return max(self._busy_before, self._look())

    def _look(self) -> float:
        """How many processors others kept busy since the last look, or before it where that was just now."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            used, before = others_seconds(), self._used
            if used is not None and before is not None:
                self._busy = (used - before) / (now - self._looked_at)
            self._looked_at, self._used = now, used
        return self._busy
