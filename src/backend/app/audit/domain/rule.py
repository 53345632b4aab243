"""What every rule of the Auditor is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

from app.audit.domain.finding import Evidence, Finding, Severity, run_evidence
from app.audit.domain.history import AgentHistory, ReportedRun


class Rule(ABC):
    """One thing that can be wrong with an agent. Rules are pure and know nothing of each other."""

    name: ClassVar[str]
    severity: ClassVar[Severity]
    needs: ClassVar[Literal["runs", "past", "habits", "usage", "durations"]]
    """What `check()` needs of the history at full depth."""
    recovery: ClassVar[str] = ""
    """What a run did that ended a finding, after the agent's name: `nova succeeded again`."""
    ending: ClassVar[str] = "it no longer holds by the present schedule and thresholds"
    """Why a finding ended that no run ended."""

    def suspects(self, history: AgentHistory) -> bool:
        """Whether `check()` at full depth may find something, by the few newest runs at little cost."""
        return bool(history.runs) and self.may_open_on(history.runs[0])

    def suspects_from(self, history: AgentHistory) -> datetime | None:
        """When, with no further run, this rule may begin to suspect; None where no time brings that."""
        return None

    def may_open_on(self, run: ReportedRun) -> bool:
        """Whether this rule may begin to find something with `run` as the newest one."""
        return False

    def may_open_after(self, earlier: ReportedRun, run: ReportedRun) -> bool:
        """The same, where the run before is known."""
        return self.may_open_on(run)

    def change_times(self, history: AgentHistory) -> Iterable[datetime]:
        """When, with no further run, this rule may begin or cease to find something."""
        return ()

    @abstractmethod
    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """Judge an agent by its history. A finding that `is_open` may stay longer than it takes to open."""

    @abstractmethod
    def is_recovery(self, run: ReportedRun) -> bool:
        """Whether this run, coming after a finding, ends it."""

    def ended(self, history: AgentHistory) -> Evidence:
        """The proof that a finding ended which no run ended."""
        return {"reason": self.ending}

    def _finding(
        self, history: AgentHistory, message: str, evidence: Evidence, last_run: ReportedRun | None = None
    ) -> Finding:
        """A finding whose evidence also shows its severity and the newest run it was judged by."""
        shown: Evidence = {"severity": self.severity, **evidence}
        if last_run:
            shown["last_run"] = run_evidence(last_run)
        last_run_at = last_run.created_at if last_run else None
        return Finding(self.name, history.agent_id, self.severity, message, shown, last_run_at)
