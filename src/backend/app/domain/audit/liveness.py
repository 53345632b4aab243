"""Rules about agents that do not report."""

from app.domain.audit.finding import Finding, at, printable, run_evidence
from app.domain.audit.history import AgentHistory, ReportedRun
from app.domain.audit.rule import Rule
from app.domain.cadence import (
    LEAST_GRACE,
    Expectation,
    Past,
    expect_declared,
    learn,
    longest_gap,
    parse_schedule,
    silence_allowance,
)


class StoppedReporting(Rule):
    """The agent has reported before and is overdue, by its declared schedule or else by its habit."""

    name = "stopped_reporting"
    needs = "past"
    recovery = "reported again"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether it has been quiet for long, seen from its newest runs alone."""
        if not history.runs:
            return False
        if history.schedule:
            allowance = LEAST_GRACE if history.grace is None else history.grace
        else:
            allowance = silence_allowance(longest_gap(history.reports))
        return history.now - history.runs[0].created_at > allowance

    def check(self, history: AgentHistory) -> Finding | None:
        """A finding that says by when a run was expected and why.

        Raises `ValueError` when the declared schedule is none.
        """
        if not self.suspects(history):
            return None
        expected = _expectation(history)
        if expected is None or history.now <= expected.deadline:
            return None
        last, now = history.runs[0], history.now
        name, habit = printable(history.agent_id), "it is due" if expected.due else "it reports"
        message = (
            f"{name} has not reported since {at(last.created_at, now)}; {habit} {expected.cadence},"
            f" and was expected by {at(expected.deadline, now)}"
        )
        evidence = {
            "last_run": run_evidence(last),
            "expected_by": expected.deadline.isoformat(),
            "due_at": expected.due.isoformat() if expected.due else None,
            "cadence": expected.cadence,
            "learned": expected.due is None,
        }
        return Finding(self.name, history.agent_id, message, evidence)

    def is_recovery(self, run: ReportedRun) -> bool:
        """Any run."""
        return True


def _expectation(history: AgentHistory) -> Expectation | None:
    past = history.past or Past.of(history.reports)
    # The past may have been read a moment later. In an outage of our own no agent could report, so the
    # wait begins anew at its end.
    quiet_since = max(past.reports[0], history.watching_since or past.reports[0])
    if history.schedule:
        schedule = parse_schedule(history.schedule, history.timezone)
        return expect_declared(schedule, history.grace, past.reports, quiet_since)
    learned = learn(past)
    return learned.expect(quiet_since) if learned else None
