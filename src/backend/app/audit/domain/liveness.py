"""Rules about agents that do not report."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from app.audit import calibration
from app.audit.cadence import Outages
from app.audit.domain.finding import Evidence, Finding, last_good
from app.audit.domain.history import (
    AgentHistory,
    Expected,
    ReportedRun,
    expect_by,
    least_wait,
    read_schedule,
    readable_schedule,
)
from app.audit.domain.rule import Rule
from app.kit.text import at, printable


def _may_take_longer(history: AgentHistory) -> bool:
    """Whether a run of it is under way that has not taken longer than usual yet."""
    return history.running is not None and history.now < history.running.long_from


class _Overdue(Rule):
    """The agent has reported before and has not in time, by its declared schedule or else by its cadence."""

    needs = "past"
    recovery = "reported again"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether it has been silent for long, seen from its newest runs alone."""
        since = self.suspects_from(history)
        return since is not None and history.now >= since

    def suspects_from(self, history: AgentHistory) -> datetime | None:
        """When it has been silent for as long as it may be at any time."""
        return history.runs[0].created_at + least_wait(history) if history.runs else None

    def is_recovery(self, run: ReportedRun) -> bool:
        """Any run."""
        return True

    def ended(self, history: AgentHistory) -> Evidence:
        """That a run of it has started, where one has."""
        if history.running is None:
            return super().ended(history)
        began = at(history.running.start.began_at, history.now)
        return {"reason": f"{printable(history.agent_id)} started a run at {began}"}

    def _found(self, history: AgentHistory, expected: Expected, said: str) -> Finding:
        last, now = history.runs[0], history.now
        schedule = readable_schedule(history) if expected.due else None
        cadence = str(schedule or history.learned)
        by = "it is due" if schedule else "it reports"
        message = (
            f"{printable(history.agent_id)} {said} {at(last.created_at, now)}; {by} {cadence},"
            f" and was expected by {at(expected.deadline, now)}"
        )
        evidence = {
            "last_success": last_good(history.runs),
            "expected_by": expected.deadline.isoformat(),
            "due_at": expected.due.isoformat() if expected.due else None,
            "cadence": cadence,
            "learned": schedule is None,
        }
        return self._finding(history, message, evidence, last)


class StoppedReporting(_Overdue):
    """The deadline has passed."""

    name = "stopped_reporting"
    severity = "high"

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says by when a run was expected and why; not while one may take as long."""
        if _may_take_longer(history):
            return None
        expected = history.expected if self.suspects(history) else None
        if is_open and (expected is None or history.now < expected.deadline):
            # An agent that is overdue remains so while no agent can report.
            expected = replace(history, outages=Outages()).expected
        if expected is None or history.now < expected.deadline:
            return None
        return self._found(history, expected, "has not reported since")

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """At the deadline."""
        expected = history.expected
        return (expected.deadline,) if expected else ()


class Late(_Overdue):
    """A report has not come by its usual time, though it may still: an early notice."""

    name = "late"
    severity = "low"

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding from half of the margin before the deadline until the deadline."""
        if history.running:
            return None
        expected = history.expected if self.suspects(history) else None
        if expected is None or not expected.late <= history.now < expected.deadline:
            return None
        return self._found(history, expected, "is late; its last report was at")

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """When the notice is given, if it is."""
        expected = history.expected
        return (expected.late,) if expected and expected.late < expected.deadline else ()


class NeverReported(Rule):
    """The agent is registered, and no run of it has come yet."""

    name = "never_reported"
    severity = "medium"
    needs = "runs"
    recovery = "reported for the first time"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether it is registered and has no run."""
        return not history.runs and history.registered_at is not None

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding once the first time it was due has passed; without a schedule, after a week."""
        expected = None if history.running else self._expected(history)
        if history.registered_at is None or expected is None or history.now < expected:
            return None
        name, now = printable(history.agent_id), history.now
        message = f"{name} was registered {at(history.registered_at, now)} and has never reported"
        schedule = readable_schedule(history)
        if schedule:
            message += f"; it is due {schedule}, and was expected by {at(expected, now)}"
        evidence = {
            "registered_at": history.registered_at.isoformat(),
            "expected_by": expected.isoformat(),
            "schedule": str(schedule) if schedule else None,
        }
        return self._finding(history, message, evidence)

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """When it is expected for the first time."""
        expected = self._expected(history)
        return () if expected is None else (expected,)

    def is_recovery(self, run: ReportedRun) -> bool:
        """Any run."""
        return True

    def _expected(self, history: AgentHistory) -> datetime | None:
        if history.registered_at is None or history.runs:
            return None
        since = max(history.registered_at, history.watching_since or history.registered_at)
        schedule = readable_schedule(history)
        if schedule is None:
            return since + calibration.REGISTERED_FOR
        return expect_by(schedule, history, since).deadline


class BadSchedule(Rule):
    """What is declared as its schedule is none, so that it is judged by its cadence alone."""

    name = "bad_schedule"
    severity = "medium"
    needs = "runs"
    recovery = "got another schedule"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether its schedule cannot be read."""
        return bool(history.schedule) and readable_schedule(history) is None

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says what is wrong with the schedule."""
        reason = read_schedule(history.schedule, history.timezone) if history.schedule else None
        if not isinstance(reason, str):
            return None
        message = f"{printable(history.agent_id)} is watched by its habit alone: {printable(reason)}"
        evidence = {"schedule": history.schedule, "timezone": history.timezone, "reason": reason}
        return self._finding(history, message, evidence)

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """At once."""
        return (history.now,) if self.suspects(history) else ()

    def is_recovery(self, run: ReportedRun) -> bool:
        """None: it takes another declaration."""
        return False
