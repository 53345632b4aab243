"""How long a worker rests between two batches, so that recording runs is not slowed by scoring them.

A low priority is not enough. The scheduler lets whoever runs go on for milliseconds, and groups
processes by session before it looks at priorities: on two processors, one that is always busy takes
a third of the ingest rate, at whatever priority. So where others leave less than one processor free,
the worker rests; scores may be late by a minute, and no later for it.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

_STAT = Path("/proc/stat")
_LATEST = timedelta(minutes=1)
_LONGEST_REST = 5.0
_RESTS_PER_BATCH = 50


def foreground_seconds() -> float | None:
    """Processor time used so far on this machine by what is not niced, as workers are; None if unknown."""
    try:
        user, _nice, system, _idle, _iowait, irq, softirq, steal = (
            int(ticks) for ticks in _STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]
        )
    except (OSError, ValueError):  # only Linux has it
        return None
    return (user + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def rest_seconds(*, used: float, elapsed: float, processors: int, worked: float, age: timedelta) -> float:
    """How long to rest after a batch that took `worked` seconds and whose oldest run is of `age`.

    `used` is the foreground's processor time in the last `elapsed` seconds.
    """
    missing = 1 - (processors - used / elapsed)
    patience = 1 - age / _LATEST
    if missing <= 0 or patience <= 0:
        return 0.0
    return min(_LONGEST_REST, _RESTS_PER_BATCH * worked * missing * patience)


class Pace:
    """The rests of one process. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._used = foreground_seconds()

    def rest_after(self, worked: float, age: timedelta) -> float:
        """`rest_seconds` by what the foreground has used since the last call."""
        now, used = self._clock(), foreground_seconds()
        elapsed, before = now - self._looked_at, self._used
        self._looked_at, self._used = now, used
        if used is None or before is None or elapsed <= 0:
            return 0.0
        return rest_seconds(
            used=used - before,
            elapsed=elapsed,
            processors=os.cpu_count() or 1,
            worked=worked,
            age=age,
        )
