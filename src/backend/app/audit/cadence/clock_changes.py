"""When clocks are put forward or back: an agent on local time then comes an hour later or earlier in UTC."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.audit.cadence import calibration

_ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Los_Angeles",
    "America/Chicago",
    "America/New_York",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Chisinau",
    "Pacific/Auckland",
)
_WEEK = 7 * 86_400.0


def clock_change(start: float, end: float) -> float:
    """How many seconds later than before a report may come that is due at `end`, after one at `start`.

    `CLOCK_CHANGE`, where clocks change in between: put forward, they skip a time; else 0. For a long wait it
    matters whether they were put back in the week before, and no longer whether they are put forward.
    """
    is_long = end - start >= calibration.LONG_WAIT
    changes = _changes_within(start - _WEEK if is_long else start, end + calibration.CLOCK_CHANGE)
    return calibration.CLOCK_CHANGE if any(by < 0 or not is_long for _, by in changes) else 0.0


def put_forward_within(start: float, end: float) -> bool:
    """Whether somewhere clocks were put forward from `start` until `end`."""
    return any(by > 0 for _, by in _changes_within(start, end))


def _changes_within(start: float, end: float) -> Sequence[tuple[float, float]]:
    first, last = (datetime.fromtimestamp(moment, UTC).year for moment in (start, end))
    changes = [change for year in range(first, last + 1) for change in _changes(year)]
    return changes[bisect_left(changes, (start, 0.0)) : bisect_left(changes, (end, 0.0))]


@lru_cache(maxsize=64)
def _changes(year: int) -> list[tuple[float, float]]:
    """When in `year` clocks change, and by how many seconds, in zones that stand for most others."""
    found = set()
    for zone in map(ZoneInfo, _ZONES):
        day = datetime(year, 1, 1, tzinfo=UTC)
        while day.year == year:
            tomorrow = day + timedelta(days=1)
            if by := (_offset(tomorrow, zone) - _offset(day, zone)).total_seconds():
                moment = day
                while _offset(moment, zone) == _offset(day, zone):
                    moment += timedelta(minutes=30)
                found.add((moment.timestamp(), by))
            day = tomorrow
    return sorted(found)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
