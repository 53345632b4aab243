"""By when an agent is expected to report, by its declared schedule or else by its cadence."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from app.audit import calibration
from app.audit.cadence import Expectation, Schedule, expect_declared, parse_schedule

if TYPE_CHECKING:
    from app.audit.domain.history import AgentHistory


@dataclass(frozen=True, slots=True)
class Expected:
    """An agent is late from `late` and overdue from `deadline` on. `due` is None where that is learned."""

    due: datetime | None
    late: datetime
    deadline: datetime


def readable_schedule(history: "AgentHistory") -> Schedule | None:
    """The declared schedule; None without one, or where what is declared is none."""
    read = read_schedule(history.schedule, history.timezone) if history.schedule else None
    return None if isinstance(read, str) else read


@lru_cache(maxsize=16_384)
def read_schedule(text: str, timezone: str) -> Schedule | str:
    """The schedule, or why there is none."""
    try:
        return parse_schedule(text, timezone)
    except ValueError as error:
        return str(error)


def least_wait(history: "AgentHistory") -> timedelta:
    """How long it may be silent at any time, seen from its newest runs alone."""
    if readable_schedule(history):
        return calibration.LEAST_GRACE if history.grace is None else history.grace
    return timedelta(seconds=history.learned.least_wait)


def expect(history: "AgentHistory") -> Expected | None:
    """By when its next report is expected; None where that cannot be said."""
    if not history.runs:
        return None
    silent_since = max(history.runs[0].created_at, history.watching_since or history.runs[0].created_at)
    schedule = readable_schedule(history)
    if schedule:
        found = expect_by(schedule, history, silent_since)
        return Expected(found.due, found.late, found.deadline)
    cadence = history.learned
    forecast = cadence.forecast()
    if forecast is None:
        return None
    if silent_since.timestamp() > cadence.newest:
        forecast = forecast.not_before(silent_since.timestamp() + forecast.deadline - cadence.newest)
    late, deadline = (datetime.fromtimestamp(moment, UTC) for moment in (forecast.late, forecast.deadline))
    return Expected(None, late, deadline)


def expect_by(schedule: Schedule, history: "AgentHistory", since: datetime) -> Expectation:
    """What a schedule expects of an agent silent since then; the wait begins again when an outage is over."""
    found = expect_declared(schedule, history.grace, history.reports, since)
    while over := history.outages.over(found.due.timestamp(), found.deadline.timestamp()):
        again = expect_declared(schedule, history.grace, history.reports, datetime.fromtimestamp(over, UTC))
        if again.deadline <= found.deadline:
            break
        found = again
    return found
