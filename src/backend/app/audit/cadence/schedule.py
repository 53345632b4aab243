"""When an agent is expected to report by the schedule that is declared of it."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from app.audit import calibration
from app.kit.text import in_words

DEFAULT_TIMEZONE = "UTC"
_MAX_SCHEDULE = 255  # characters, as many as the column holds
_MAX_INTERVAL = timedelta(days=366)
_INTERVAL = re.compile(r"every\s+([0-9]{1,9})\s*([smhd])", re.IGNORECASE)
_INTERVAL_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORMS = "give a cron expression such as `*/15 9-17 * * 1-5`, or an interval such as `every 15m`"

_DAY = timedelta(days=1)
_SATURDAY_NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Due at the times of a cron expression, in the clock of a time zone."""

    expression: str
    timezone: str

    def next_after(self, moment: datetime) -> datetime:
        """The first due time later than `moment`, in UTC. Raises `ValueError` when none comes any more."""
        return _next_after(self, moment.astimezone(UTC))

    def last_until(self, moment: datetime) -> datetime:
        """The last due time that is not later than `moment`, in UTC. Raises `ValueError` without one."""
        return _last_until(self, moment.astimezone(UTC))

    def __str__(self) -> str:
        return f"`{self.expression}` ({self.timezone})"


def _next_after(schedule: CronSchedule, moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    times = _due_on(schedule, day)
    later = bisect_right(times, moment)
    return times[later] if later < len(times) else _first_from(schedule, day + _DAY)


def _last_until(schedule: CronSchedule, moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
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
    raise ValueError(f"the schedule {schedule} never comes")


@lru_cache(maxsize=8_192)
def _last_before(schedule: CronSchedule, day: datetime) -> datetime:
    for due in CronSim(schedule.expression, day.astimezone(_zone(schedule.timezone)), reverse=True):
        if due.astimezone(UTC) < day:
            return due.astimezone(UTC)
    raise ValueError(f"the schedule {schedule} never came")


def _search(schedule: CronSchedule, day: datetime) -> Iterator[datetime]:
    start = (day - timedelta(seconds=1)).astimezone(_zone(schedule.timezone))
    return (due.astimezone(UTC) for due in CronSim(schedule.expression, start))


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """Due a fixed time after the last report."""

    every: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """The due time that follows a report at `moment`, in UTC."""
        return moment.astimezone(UTC) + self.every

    def __str__(self) -> str:
        return f"every {in_words(self.every)}"


Schedule = CronSchedule | IntervalSchedule


@lru_cache(maxsize=16_384)
def parse_schedule(text: str, timezone: str = DEFAULT_TIMEZONE) -> Schedule:
    """A schedule from a cron expression (five fields, or six with seconds first) or `every 15m`.

    Intervals take the units s, m, h and d. Raises `ValueError` with a sentence for the person who
    declared it: also for an unknown time zone, and for an expression that never comes.
    """
    _zone(timezone)
    expression = " ".join(text.split())
    if len(expression) > _MAX_SCHEDULE:
        raise ValueError(f"a schedule has at most {_MAX_SCHEDULE} characters")
    if not expression:
        raise ValueError(f"the schedule is empty: {_FORMS}")
    if expression.lower().startswith("every"):
        return _parse_interval(expression)
    return _parse_cron(expression, timezone)


def _parse_interval(text: str) -> IntervalSchedule:
    match = _INTERVAL.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no interval: write `every 15m`, `every 2h` or `every 1d`")
    seconds = int(match[1]) * timedelta(**{_INTERVAL_UNITS[match[2].lower()]: 1}) / timedelta(seconds=1)
    if not 1 <= seconds <= _MAX_INTERVAL.total_seconds():
        raise ValueError(f"{text!r} is out of range: an interval is between 1 second and 366 days")
    return IntervalSchedule(timedelta(seconds=seconds))


def _parse_cron(expression: str, timezone: str) -> CronSchedule:
    schedule = CronSchedule(expression, timezone)
    try:
        schedule.next_after(_SATURDAY_NOON)
    except CronSimError as error:
        if _is_cron_in_other_months(expression):
            raise ValueError(f"the schedule {schedule} never comes: those months lack that day") from error
        raise ValueError(f"{expression!r} is no schedule ({str(error).lower()}): {_FORMS}") from error
    return schedule


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
        raise ValueError(f"{name[:64]!r} is no time zone: write one such as UTC or Europe/Berlin") from error


@dataclass(frozen=True, slots=True)
class Expectation:
    """By when an agent should report: it is due at `due`, late from `late` and overdue from `deadline` on."""

    due: datetime
    late: datetime
    deadline: datetime


def expect_declared(
    schedule: Schedule, grace: timedelta | None, reports: Sequence[datetime], silent_since: datetime
) -> Expectation:
    """What a declared schedule expects of an agent that has been silent since `silent_since`.

    `reports` are its report times, newest first. Without a `grace` it is half the period, between 10
    minutes and an hour, on top of how long after its due times the agent usually reports: agents report
    at the end of a run, and a run may be long. Raises `ValueError` when the schedule never comes again.
    """
    due = schedule.next_after(silent_since)
    following = schedule.next_after(due)
    # A report moments before a due time answers it: the agent's clock is a little ahead of ours.
    if isinstance(schedule, CronSchedule) and due - silent_since < min(
        calibration.MOST_EARLY, (following - due) / 4
    ):
        due, following = following, schedule.next_after(following)
    if grace is None:
        grace = min(
            max((following - due) / 2, calibration.LEAST_GRACE), calibration.MOST_GRACE
        ) + _usual_lateness(schedule, reports)
    late = due + grace / 2 if grace / 2 >= calibration.LEAST_GRACE else due + grace
    return Expectation(due, late, due + grace)


def _usual_lateness(schedule: Schedule, reports: Sequence[datetime]) -> timedelta:
    recent = reports[: calibration.LATENESS_RUNS]
    if isinstance(schedule, IntervalSchedule) or not recent:
        return timedelta()
    return sorted(report - schedule.last_until(report) for report in recent)[len(recent) // 2]
