"""What a rule sees: one agent's newest runs, its declaration, the moment to judge at, and what follows.

What follows is by when its next report is expected, by its declared schedule or else by its habit.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from app.audit import calibration
from app.audit.cadence import (
    DEFAULT_TIMEZONE,
    Cadence,
    Expectation,
    Lateness,
    Outage,
    Outages,
    Schedule,
    parse_schedule,
    rhythm,
    shortest_gap,
)
from app.audit.cadence.calibration import LEAST_GAPS, LEAST_GRACE, LONGEST_TIMES, MOST_GRACE, PREFILTER_DEPTH
from app.audit.domain.habit import Habits
from app.audit.domain.quality import QualityTrend
from app.audit.domain.running import RunStart, RunUnderWay, run_under_way, usual_length
from app.audit.domain.usage import NO_USAGE, Amount, PastUsage
from app.runs.usage import Usage


class ReportedRun(NamedTuple):
    """A run as the Auditor sees it. `silence_count`: how many runs in a row up to it were counted as silent.

    `silent` is whether it reported nothing meaningful, also where it was stored before the rule counted it;
    a declared no-op is not silent. `score` is its overall one, from 0 to 1, where it has one. `usage` is what
    it took by its own report, where that was read.
    """

    id: str
    status: str
    created_at: datetime
    silence_count: int = 0
    summary: str | None = None
    score: float | None = None
    silent: bool = False
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Expected:
    """An agent reports by `by`, is late from `late` and overdue from `deadline` on.

    `due` is what its schedule says, None where all is learned; then `by` is by when it has come so far.
    """

    due: datetime | None
    by: datetime
    late: datetime
    deadline: datetime


@dataclass(frozen=True)
class AgentHistory:
    """An agent at `now`: its newest runs, newest first, at most `HISTORY_DEPTH`, and its declaration.

    `learned_past` is how it reported, further back than `runs` where that was read, or the error that it
    raised to learn that: its lateness by its declared schedule, where it has one, else its cadence.
    `known_habits` are how its runs go, and `known_usage` what they took, further back as well;
    `usage_stands_out` is whether its newest may have taken more than usual. `quality` is how its scores went,
    and `unscored` are its runs that have waited too long for a score, newest first. `starts` are its runs
    that started and were not recorded, `durations` how many seconds its newest took, newest first. In
    `outages` it could not report; those that were not of all agents are `excused` as well. At `unreachable`
    times a report may have got lost on its way. `watching_since` is when its latest pause ended.
    `registered_at` is None for an agent that is not declared.
    """

    agent_id: str
    now: datetime
    runs: tuple[ReportedRun, ...] = ()
    learned_past: Cadence | Lateness | Exception | None = None
    known_habits: Habits | None = None
    known_usage: PastUsage | None = None
    usage_stands_out: bool = False
    quality: QualityTrend | None = None
    unscored: tuple[ReportedRun, ...] = ()
    starts: tuple[RunStart, ...] = ()
    durations: tuple[Amount, ...] = ()
    outages: Outages = field(default_factory=Outages)
    excused: tuple[Outage, ...] = ()
    unreachable: Outages = field(default_factory=Outages)
    schedule: str | None = None
    timezone: str = DEFAULT_TIMEZONE
    grace: timedelta | None = None
    paused: bool = False
    watching_since: datetime | None = None
    registered_at: datetime | None = None

    @property
    def reports(self) -> list[datetime]:
        """When its runs were reported, newest first."""
        return [run.created_at for run in self.runs]

    @cached_property
    def learned(self) -> Cadence:
        """Its cadence, from its newest runs alone where no more was read. Raises what learning it raised."""
        if isinstance(self.learned_past, Exception):
            raise self.learned_past
        if isinstance(self.learned_past, Cadence):
            return self.learned_past.with_outages(self.outages)
        return Cadence.of(reversed(self.reports), self.outages)

    @cached_property
    def habits(self) -> Habits:
        """How its runs go, from the newest alone where no more was read."""
        return self.known_habits or Habits.of(reversed(self.runs))

    @cached_property
    def usage(self) -> PastUsage:
        """What its runs took, the newest alone where no more was read."""
        return self.known_usage or PastUsage.of(reversed(self.runs))

    def late_by(self, schedule: Schedule) -> Lateness:
        """How late it is by its schedule, from its newest runs alone where no more was read.

        Raises what learning it raised.
        """
        if isinstance(self.learned_past, Exception):
            raise self.learned_past
        if isinstance(self.learned_past, Lateness):
            return self.learned_past.with_outages(self.outages)
        return Lateness.of(schedule, self.grace, reversed(self.reports), self.outages)

    @cached_property
    def running(self) -> RunUnderWay | None:
        """The run that has been under way for longest. Raises what learning its cadence raised."""
        if not self.starts:
            return None
        few = len(self.durations) < LEAST_GAPS
        unknown = _unknown_length(self) if few else calibration.UNKNOWN_LENGTH
        return run_under_way(
            self.starts,
            usual_length(self.durations, unknown, self.grace),
            now=self.now,
            newest_report=self.runs[0].created_at if self.runs else None,
            watching_since=self.watching_since,
            unreachable=self.unreachable,
        )

    @cached_property
    def expected(self) -> Expected | None:
        """By when its next report is expected; None where that cannot be said."""
        return expect(self)


def _unknown_length(history: AgentHistory) -> timedelta:
    """How long a run may take of which no others are known: some periods, a day at most."""
    schedule, most = readable_schedule(history), calibration.UNKNOWN_LENGTH
    if schedule:
        period = shortest_period(history.schedule or "", history.timezone)
    elif history.runs and history.learned.has_cadence:
        period = timedelta(seconds=history.learned.typical)
    else:
        return most
    return min(max(LONGEST_TIMES * period, MOST_GRACE), most)


@lru_cache(maxsize=16_384)
def shortest_period(text: str, timezone: str) -> timedelta:
    """The shortest time between two due times of a readable schedule."""
    return rhythm(parse_schedule(text, timezone)).shortest


def readable_schedule(history: AgentHistory) -> Schedule | None:
    """The declared schedule; None without one, or where what is declared is none."""
    read = read_schedule(history.schedule, history.timezone) if history.schedule else None
    return None if isinstance(read, str) else read


def rests(history: AgentHistory) -> bool:
    """Whether an agent that runs daily or more often does not on some days of the week.

    Raises what learning its cadence raised.
    """
    if history.schedule and readable_schedule(history):
        return _rests(history.schedule, history.timezone)
    cadence = history.learned
    return cadence.typical <= calibration.DAILY and cadence.longest_gap >= calibration.REST


@lru_cache(maxsize=16_384)
def _rests(text: str, timezone: str) -> bool:
    """Whether a readable schedule does, in the first nine days of a year."""
    found = rhythm(parse_schedule(text, timezone))
    return found.shortest.total_seconds() <= calibration.DAILY and (
        found.longest.total_seconds() >= calibration.REST
    )


@lru_cache(maxsize=16_384)
def read_schedule(text: str, timezone: str) -> Schedule | str:
    """The schedule, or why there is none."""
    try:
        return parse_schedule(text, timezone)
    except ValueError as error:
        return str(error)


def least_wait(history: AgentHistory) -> timedelta:
    """How long it may be silent at any time, seen from its newest runs alone."""
    if readable_schedule(history):
        return LEAST_GRACE if history.grace is None else history.grace
    if isinstance(history.learned_past, Cadence | Exception):
        return timedelta(seconds=history.learned.least_wait)
    newest = [report.timestamp() for report in history.reports[:PREFILTER_DEPTH]]
    return timedelta(seconds=shortest_gap(newest)) + LEAST_GRACE


def expect(history: AgentHistory) -> Expected | None:
    """By when its next report is expected; None where that cannot be said."""
    if not history.runs:
        return None
    silent_since = max(history.runs[0].created_at, history.watching_since or history.runs[0].created_at)
    schedule = readable_schedule(history)
    if schedule:
        found = expect_by(schedule, history, silent_since)
        return Expected(found.due, found.due, found.late, found.deadline)
    cadence = history.learned
    forecast = cadence.forecast()
    if forecast is None:
        return None
    waited = max(silent_since.timestamp() - cadence.newest, 0.0)
    if waited:
        forecast = forecast.not_before(forecast.deadline + waited)
    by = min(forecast.latest + waited, forecast.late)
    return Expected(
        None, *(datetime.fromtimestamp(each, UTC) for each in (by, forecast.late, forecast.deadline))
    )


def expect_by(schedule: Schedule, history: AgentHistory, since: datetime) -> Expectation:
    """What a schedule expects of an agent silent since then; the wait begins again when an outage is over."""
    lateness = history.late_by(schedule)
    found = lateness.expectation(since)
    while over := history.outages.over(found.due.timestamp(), found.deadline.timestamp()):
        again = lateness.expectation(datetime.fromtimestamp(over, UTC))
        if again.deadline <= found.deadline:
            break
        found = again
    return found
