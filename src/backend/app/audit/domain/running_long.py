"""Runs that have started and do not end."""

from collections.abc import Iterable
from datetime import UTC, datetime

from app.audit.cadence.calibration import LEAST_GRACE
from app.audit.domain.finding import Evidence, Finding, last_good
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.audit.domain.running import RunUnderWay
from app.kit.text import at, in_words, printable, seconds_in_words


class RunningLong(Rule):
    """A run has started and takes far longer than the agent's runs do.

    It ends when the run is recorded, or the agent reports again.
    """

    name = "running_long"
    severity = "high"
    needs = "durations"
    recovery = "reported again"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether a run has been under way for longer than the shortest time that is ever too long."""
        return any(history.now - start.began_at >= LEAST_GRACE for start in history.starts)

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says for how long the run is under way, and how long runs usually take."""
        running = history.running
        if running is None or history.now < running.long_from:
            return None
        return self._found(history, running)

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """When the run takes longer than usual."""
        running = history.running
        return (running.long_from,) if running else ()

    def is_recovery(self, run: ReportedRun) -> bool:
        """Any run."""
        return True

    def ended(self, history: AgentHistory) -> Evidence:
        """That the run may be over, or that as much is usual by now."""
        if not history.starts:
            return {"reason": "that the run started was withdrawn, or is too long ago"}
        return {
            "reason": "the run may have ended while nothing could be reported, or as much is usual by now"
        }

    def _found(self, history: AgentHistory, running: RunUnderWay) -> Finding:
        start, usual, now = running.start, running.length.usual, history.now
        spent = in_words(now - start.began_at)
        message = f"{printable(history.agent_id)} has been running for {spent}"
        if usual:
            message += f", usually {seconds_in_words(usual.median)} (at most {seconds_in_words(usual.most)})"
        message += f"; the run started at {at(start.began_at, now)}"
        if usual is None:
            message += ", and how long its runs take is not known yet"
        evidence: Evidence = {
            "started_at": start.began_at.astimezone(UTC).isoformat(),
            "run_key": start.run_key,
            "duration": {
                "seconds": (now - start.began_at).total_seconds(),
                "median": usual.median if usual else None,
                "most": usual.most if usual else None,
                "limit": running.length.limit.total_seconds(),
            },
            "last_success": last_good(history.runs),
        }
        found = self._finding(history, message, evidence, history.runs[0] if history.runs else None)
        return Finding(
            found.rule,
            found.agent_id,
            found.severity,
            message,
            found.evidence,
            found.last_run_at,
            start.began_at,
        )
