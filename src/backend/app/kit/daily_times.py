"""Times of the day by a zone's clock: when it is quiet, and when the digest is due."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` each day, by the clock of `zone`; over midnight where `end` is the earlier.

    Where a clock change leaves out one of the two, its moment is taken by the clock of before; where it
    comes twice, the first counts.
    """

    start: time
    end: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """Read `22:00-07:00 Europe/Berlin`; UTC without a zone. Raises `ValueError`."""
        match = re.fullmatch(rf"{_TIME}\s*-\s*{_TIME}(?:\s+(\S+))?", text.strip())
        if match is None:
            raise ValueError("must be such as 22:00-07:00 Europe/Berlin")
        start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
        if start == end:
            raise ValueError("the quiet hours must begin and end at different times")
        return cls(start, end, time_zone(match[5]))

    def end_after(self, moment: datetime) -> datetime | None:
        """When the quiet hours end that `moment` is in; None where it is in none."""
        over = None
        for start, end in self._around(moment):
            if start <= (over or moment) < end:
                over = end
        return over

    def _around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = moment.astimezone(self.zone).date()
        for days in range(-1, 3):
            day = today + days * _DAY
            last = day if self.start < self.end else day + _DAY
            yield _moment(day, self.start, self.zone), _moment(last, self.end, self.zone)


@dataclass(frozen=True, slots=True)
class DailyTime:
    """A time of each day by the clock of `zone`."""

    at: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> "DailyTime":
        """Read `08:00 Europe/Berlin`; UTC without a zone. Raises `ValueError`."""
        match = re.fullmatch(rf"{_TIME}(?:\s+(\S+))?", text.strip())
        if match is None:
            raise ValueError("must be such as 08:00 Europe/Berlin")
        return cls(time(int(match[1]), int(match[2])), time_zone(match[3]))

    def last_before(self, moment: datetime) -> datetime:
        """When it was last that time, at `moment` or before."""
        today = moment.astimezone(self.zone).date()
        times = (_moment(today - days * _DAY, self.at, self.zone) for days in range(-1, 3))
        return next(found for found in times if found <= moment)


def time_zone(name: str | None) -> ZoneInfo:
    """The time zone of this name, UTC without one. Raises `ValueError`."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
