"""When an agent is expected to report by the schedule that is declared of it."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from app.audit.cadence.dialects import DayRule, expressions, interval
from app.kit.text import in_words
from app.kit.times import start_of_day

DEFAULT_TIMEZONE = "UTC"
_MAX_SCHEDULE = 255  # characters, as many as the column holds
_MAX_INTERVAL = timedelta(days=366)
_ZONED = re.compile(r"((?:CRON_)?TZ=(\S*) )?(.*)")
_FORMS = (
    "give a cron expression such as `*/15 9-17 * * 1-5` (also with seconds first, `@daily`, Quartz' and AWS'"
    " forms; several separated by `;`), a time such as `every monday at 09:00`, or an interval such as"
    " `every 15m`, `@every 1h30m` or `rate(10 minutes)`"
)

_DAY = timedelta(days=1)
_NINE_DAYS = 9 * _DAY  # more than a week, with each day of it and the gap to the next week
_MOST_DUE_TIMES = 1_500  # of nine days with one every five minutes in working hours
_SATURDAY_NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Due at the times of a cron expression, in the clock of a time zone, on days that `days` holds of.

    `declared` is how people wrote it, where that is another form.
    """

    expression: str
    timezone: str
    days: DayRule | None = None
    declared: str | None = field(default=None, compare=False)

    def next_after(self, moment: datetime) -> datetime:
        """The first due time later than `moment`, in UTC. Raises `ValueError` when none comes any more."""
        return _next_after(self, moment.astimezone(UTC))

    def last_until(self, moment: datetime) -> datetime:
        """The last due time that is not later than `moment`, in UTC. Raises `ValueError` without one."""
        return _last_until(self, moment.astimezone(UTC))

    def __str__(self) -> str:
        if self.declared is None:
            return f"`{self.expression}` ({self.timezone})"
        read = "" if self.days else f", that is `{self.expression}`"
        return f"`{self.declared}`{read} ({self.timezone})"


def _next_after(schedule: CronSchedule, moment: datetime) -> datetime:
    day = start_of_day(moment)
    times = _due_on(schedule, day)
    later = bisect_right(times, moment)
    return times[later] if later < len(times) else _first_from(schedule, day + _DAY)


def _last_until(schedule: CronSchedule, moment: datetime) -> datetime:
    day = start_of_day(moment)
    times = _due_on(schedule, day)
    until = bisect_right(times, moment)
    return times[until - 1] if until else _last_before(schedule, day)


# Many reports ask for the due times of a day, and to search for one costs more than to look it up.
@lru_cache(maxsize=8_192)
def _due_on(schedule: CronSchedule, day: datetime) -> list[datetime]:
    """Every due time of a day of UTC, in order."""
    return sorted(
        {due for due in takewhile(lambda due: due < day + _DAY, _search(schedule, day)) if due >= day}
    )


@lru_cache(maxsize=8_192)
def _first_from(schedule: CronSchedule, day: datetime) -> datetime:
    # In the hour that a time zone repeats, cronsim may give a time that has passed.
    for due in _search(schedule, day):
        if due >= day:
            return due
    raise ValueError("the schedule never comes")


@lru_cache(maxsize=8_192)
def _last_before(schedule: CronSchedule, day: datetime) -> datetime:
    start = day.astimezone(_zone(schedule.timezone))
    for due in _times(schedule, start, reverse=True):
        if due < day:
            return due
    raise ValueError("the schedule never came")


def _search(schedule: CronSchedule, day: datetime) -> Iterator[datetime]:
    start = (day - timedelta(seconds=1)).astimezone(_zone(schedule.timezone))
    return _times(schedule, start)


def _times(schedule: CronSchedule, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """The due times after or before `start`, in UTC."""
    rule, skipped = schedule.days, True
    while skipped:
        skipped = False
        for due in CronSim(schedule.expression, start, reverse=reverse):
            if rule is not None and not rule.holds(due.date()):
                # Past that day, since it may have tens of thousands of times.
                edge = time.min if reverse else time(23, 59, 59)
                start, skipped = datetime.combine(due.date(), edge, due.tzinfo), True
                break
            yield due.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """Due a fixed time after the last report."""

    every: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """The due time that follows a report at `moment`, in UTC."""
        return moment.astimezone(UTC) + self.every

    def __str__(self) -> str:
        return f"every {in_words(self.every)}"


@dataclass(frozen=True, slots=True)
class SeveralSchedules:
    """Due at the times of any of several cron expressions."""

    parts: tuple[CronSchedule, ...]

    def next_after(self, moment: datetime) -> datetime:
        """As `CronSchedule.next_after`, of any."""
        return min(part.next_after(moment) for part in self.parts)

    def last_until(self, moment: datetime) -> datetime:
        """As `CronSchedule.last_until`, of any."""
        return max(part.last_until(moment) for part in self.parts)

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Schedule = CronSchedule | IntervalSchedule | SeveralSchedules


def due_times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Every due time later than `after`, in order, in UTC. Raises `ValueError` when none comes any more."""
    due = schedule.next_after(after)
    while not isinstance(schedule, CronSchedule):
        yield due
        due = schedule.next_after(due)
    while True:
        day = start_of_day(due)
        times = _due_on(schedule, day)
        yield from times[bisect_right(times, due) - 1 :]
        due = _first_from(schedule, day + _DAY)


class Rhythm(NamedTuple):
    """The shortest and the longest time between due times, and how many there are on a day at most."""

    shortest: timedelta
    longest: timedelta
    most_a_day: int


@lru_cache(maxsize=16_384)
def rhythm(schedule: Schedule) -> Rhythm:
    """That of a schedule in the first nine days of a year.

    Raises `ValueError` when it never comes again.
    """
    begin = datetime(2001, 1, 1, tzinfo=UTC)
    due = schedule.next_after(begin)
    gaps: list[timedelta] = []
    days: Counter[date] = Counter()
    while not gaps or (due < begin + _NINE_DAYS and len(gaps) < _MOST_DUE_TIMES):
        days[due.date()] += 1
        due, before = schedule.next_after(due), due
        gaps.append(due - before)
    return Rhythm(min(gaps), max(gaps), max(days.values()))


@lru_cache(maxsize=16_384)
def parse_schedule(text: str, timezone: str = DEFAULT_TIMEZONE) -> Schedule:
    """A schedule from the forms of `dialects`: an interval, or cron expressions on lines or between `;`.

    `TZ=` or `CRON_TZ=` before an expression is its time zone, instead of `timezone`. Raises `ValueError` with
    a sentence for the person who declared it: also for an unknown time zone, and for an expression that never
    comes. It does not repeat `text`.
    """
    _zone(timezone)
    if len(text) > _MAX_SCHEDULE:
        raise ValueError(f"a schedule has at most {_MAX_SCHEDULE} characters")
    lines = [line for part in text.replace(";", "\n").splitlines() if (line := " ".join(part.split()))]
    if not lines:
        raise ValueError(f"the schedule is empty: {_FORMS}")
    every = interval(lines[0].lower())
    if every is not None and len(lines) == 1:
        return _interval(every)
    parts = [schedule for line in lines for schedule in _parse_line(line, timezone)]
    return parts[0] if len(parts) == 1 else SeveralSchedules(tuple(parts))


def _interval(every: timedelta) -> IntervalSchedule:
    if not timedelta(seconds=1) <= every <= _MAX_INTERVAL:
        raise ValueError("the interval is out of range: it is between 1 second and 366 days")
    return IntervalSchedule(every)


def _parse_line(line: str, timezone: str) -> list[CronSchedule]:
    prefix, zone, expression = _ZONED.fullmatch(line).groups()  # type: ignore[union-attr]
    if prefix:
        _zone(zone)
    if interval(expression.lower()) is not None:
        raise ValueError("an interval stands alone: of several due times each is a cron expression")
    try:
        read = expressions(expression)
    except ValueError as error:
        raise _no_schedule(error) from error
    found = []
    for each in read:
        is_same = each.days is None and each.cron == expression.upper()
        declared = None if is_same else expression
        found.append(_checked(CronSchedule(each.cron, zone or timezone, each.days, declared)))
    return found


def _checked(schedule: CronSchedule) -> CronSchedule:
    try:
        schedule.next_after(_SATURDAY_NOON)
    except CronSimError as error:
        if _is_cron_in_other_months(schedule.expression):
            raise ValueError("the schedule never comes: those months lack that day") from error
        raise _no_schedule(error) from error
    return schedule


def _no_schedule(reason: Exception) -> ValueError:
    return ValueError(f"that is no schedule ({str(reason).lower()}): {_FORMS}")


def _is_cron_in_other_months(expression: str) -> bool:
    fields = expression.split()
    fields[-2:-1] = "*"
    try:
        CronSim(" ".join(fields), _SATURDAY_NOON)
    except CronSimError:
        return False
    return True


def _zone(name: str) -> tzinfo:
    """Raises `ValueError` when there is no such time zone."""
    if name == DEFAULT_TIMEZONE:
        return UTC  # cronsim is several times faster with this very object
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        # OSError: the name of a directory of zones, or longer than a file's name may be.
        raise ValueError(
            "there is no time zone of this name: write one such as UTC or Europe/Berlin"
        ) from error
