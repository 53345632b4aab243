"""When an agent is expected to report: by its declared schedule, or as learned from its past reports."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

DEFAULT_TIMEZONE = "UTC"
LEAST_GRACE = timedelta(minutes=10)
"""A declared agent without a grace of its own, and a learned one, is never called late before this."""

_MAX_SCHEDULE = 255
_MOST_GRACE = timedelta(hours=1)
_MOST_EARLY = timedelta(minutes=5)
_LATENESS_RUNS = 6
_MAX_INTERVAL = timedelta(days=366)
_INTERVAL = re.compile(r"every\s+([0-9]{1,9})\s*([smhd])", re.IGNORECASE)
_INTERVAL_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORMS = "give a cron expression such as `*/15 9-17 * * 1-5`, or an interval such as `every 15m`"

_LEAST_RUNS = 6
_LEAST_SPAN = timedelta(hours=1)
_DAY = timedelta(days=1)
_SATURDAY_NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)
_WEEK = timedelta(days=7)
_WEEKEND_BEGINS = timedelta(hours=-26)
_WEEKEND_IS_OVER = timedelta(hours=60)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Due at the times of a cron expression, in the clock of a time zone."""

    expression: str
    timezone: str

    def next_after(self, moment: datetime) -> datetime:
        """The first due time later than `moment`, in UTC. Raises `ValueError` when none comes any more."""
        moment = moment.astimezone(UTC)
        for due in CronSim(self.expression, moment.astimezone(_zone(self.timezone))):
            # In the hour that a time zone repeats, cronsim may give a time that has passed.
            if due.astimezone(UTC) > moment:
                return due.astimezone(UTC)
        raise ValueError(f"the schedule {self} never comes")

    def last_until(self, moment: datetime) -> datetime:
        """The last due time that is not later than `moment`, in UTC. Raises `ValueError` without one."""
        moment = moment.astimezone(UTC)
        # Backwards, cronsim starts before a time that has no fraction of a second.
        start = moment.replace(microsecond=moment.microsecond or 1)
        for due in CronSim(self.expression, start.astimezone(_zone(self.timezone)), reverse=True):
            if due.astimezone(UTC) <= moment:
                return due.astimezone(UTC)
        raise ValueError(f"the schedule {self} never came")

    def __str__(self) -> str:
        return f"`{self.expression}` ({self.timezone})"


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
    """By when an agent should report. `due` is the scheduled time, None where the cadence is learned."""

    deadline: datetime
    due: datetime | None
    cadence: str


def expect_declared(
    schedule: Schedule, grace: timedelta | None, reports: Sequence[datetime], quiet_since: datetime
) -> Expectation:
    """What a declared schedule expects of an agent that has been quiet since `quiet_since`.

    `reports` are its report times, newest first. Without a `grace` it is half the period, between 10
    minutes and an hour, on top of how long after its due times the agent usually reports: agents report
    at the end of a run, and a run may be long. Raises `ValueError` when the schedule never comes again.
    """
    due = schedule.next_after(quiet_since)
    following = schedule.next_after(due)
    # A report moments before a due time answers it: the agent's clock is a little ahead of ours.
    if isinstance(schedule, CronSchedule) and due - quiet_since < min(_MOST_EARLY, (following - due) / 4):
        due, following = following, schedule.next_after(following)
    if grace is None:
        grace = min(max((following - due) / 2, LEAST_GRACE), _MOST_GRACE) + _usual_lateness(schedule, reports)
    return Expectation(due + grace, due, str(schedule))


def _usual_lateness(schedule: Schedule, reports: Sequence[datetime]) -> timedelta:
    recent = reports[:_LATENESS_RUNS]
    if isinstance(schedule, IntervalSchedule) or not recent:
        return timedelta()
    return sorted(report - schedule.last_until(report) for report in recent)[len(recent) // 2]


@dataclass(frozen=True, slots=True)
class Past:
    """When an agent reported: its newest reports, newest first, and in sum what came before them.

    `since` is when it is known to have reported first, and `longest_gap` the longest from then on.
    """

    reports: tuple[datetime, ...]
    since: datetime
    longest_gap: timedelta

    @classmethod
    def of(cls, reports: Sequence[datetime]) -> "Past":
        """A past of these reports alone, newest first; at least one."""
        return cls(tuple(reports), reports[-1], longest_gap(reports))


@dataclass(frozen=True, slots=True)
class LearnedCadence:
    """How an agent has reported. `allowance` is the silence after which it is overdue."""

    usual_gap: timedelta
    longest_gap: timedelta
    since: datetime
    newest: datetime

    @property
    def allowance(self) -> timedelta:
        """Half as long again as the longest gap; a day is assumed of an agent known for less than one."""
        known_a_day = self.newest - self.since >= _DAY
        return silence_allowance(self.longest_gap if known_a_day else max(self.longest_gap, _DAY))

    def expect(self, quiet_since: datetime) -> Expectation:
        """What it expects of the agent, quiet since `quiet_since`."""
        deadline = self._after_first_weekend(quiet_since + self.allowance)
        return Expectation(deadline, None, str(self))

    def _after_first_weekend(self, deadline: datetime) -> datetime:
        """`deadline`, put off to Tuesday where it would fall in a weekend and none has been seen yet.

        The weekend is reckoned for every time zone at once: from Friday 10:00 to Tuesday 00:00 UTC.
        """
        saturday = self.since + (_SATURDAY_NOON - self.since) % _WEEK
        if saturday <= self.newest or deadline <= saturday + _WEEKEND_BEGINS:
            return deadline
        return max(deadline, saturday + _WEEKEND_IS_OVER)

    def __str__(self) -> str:
        return f"about every {in_words(self.usual_gap)}, at most {in_words(self.longest_gap)} apart"


def silence_allowance(longest_gap: timedelta) -> timedelta:
    """How long a silence may be when the longest gap between two reports was `longest_gap`."""
    return longest_gap + max(longest_gap / 2, LEAST_GRACE)


def learn(past: Past) -> LearnedCadence | None:
    """The cadence that an agent's past shows; None where it shows none.

    It needs six reports, an hour from the first to the last, and gaps that recur: an agent that is
    started by hand or by events has no cadence to miss.
    """
    newest = past.reports[0]
    gaps = sorted((later - earlier).total_seconds() for later, earlier in pairwise(past.reports))
    if len(gaps) < _LEAST_RUNS - 1 or newest - past.since < _LEAST_SPAN or not _recur(gaps):
        return None
    usual = timedelta(seconds=gaps[len(gaps) // 2])
    return LearnedCadence(usual, max(past.longest_gap, longest_gap(past.reports)), past.since, newest)


def longest_gap(reports: Sequence[datetime]) -> timedelta:
    """The longest time between two reports in turn, given newest first; zero where there are fewer."""
    return max((later - earlier for later, earlier in pairwise(reports)), default=timedelta())


def _recur(gaps: Sequence[float]) -> bool:
    """Whether three quarters of the gaps have at least a fifth of all (three at least) within 25 % of them.

    `gaps` are sorted. Those of events, being of random length, hardly ever recur; those of a schedule
    do, even when it has several different ones.
    """
    enough = max(3, len(gaps) / 5)
    recurring = sum(bisect_right(gaps, gap * 1.25) - bisect_left(gaps, gap * 0.8) >= enough for gap in gaps)
    return recurring >= len(gaps) * 0.75


def in_words(span: timedelta) -> str:
    """A span in words, to two units at most: `45 s`, `1 h 30 min`, `2 days 4 h`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    days = f"{hours // 24} day" + ("s" if hours >= 48 else "")
    return days + (f" {hours % 24} h" if hours % 24 else "")
