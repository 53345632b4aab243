"""How long a worker rests between two batches, so that recording runs is not slowed by scoring them.

A low priority is not enough. The scheduler lets whoever runs go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes
a third of the ingest rate, at whatever priority. So where others leave less than one processor free,
the worker rests. Runs at a rate that it can follow are late by seconds for that, a flood by minutes.
"""

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
_LONGEST_REST = 5.0
_RESTS_PER_BATCH = 50
_LEAST_SPAN = 0.01  # seconds: few runs are no flood
_LOOK_SECONDS = 0.5  # processor time is told in hundredths of a second


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
    patience = 1 - age / (_LATEST_IN_A_FLOOD if flood else _LATEST)
    if missing <= 0 or patience <= 0:
        return 0.0
    return min(_LONGEST_REST, _RESTS_PER_BATCH * worked * missing * patience)


class Pace:
    """The rests of one process. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._used = others_seconds()
        self._busy = 0.0

    def rest_after(self, worked: float, made: Sequence[datetime], now: datetime) -> float:
        """`rest_seconds` after a batch of runs `made` then, by what others used lately."""
        self._look()
        if not made:
            return 0.0
        oldest, newest = min(made), max(made)
        rate = len(made) / max((newest - oldest).total_seconds(), _LEAST_SPAN)
        flood = rate > max(_LEAST_FLOOD, _FLOOD * len(made) / worked)
        return rest_seconds(busy=self._busy, worked=worked, age=now - oldest, flood=flood)

    def rest_unhurried(self, worked: float) -> float:
        """`rest_seconds` after `worked` seconds for which nobody waits."""
        self._look()
        return rest_seconds(busy=self._busy, worked=worked, age=timedelta(), flood=False)

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            used, before = others_seconds(), self._used
            if used is not None and before is not None:
                self._busy = (used - before) / (now - self._looked_at)
            self._looked_at, self._used = now, used
