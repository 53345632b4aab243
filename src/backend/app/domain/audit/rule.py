"""What every rule of the Auditor is."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from app.domain.audit.finding import Finding
from app.domain.audit.history import AgentHistory, ReportedRun


class Rule(ABC):
    """One thing that can be wrong with an agent. Rules are pure and know nothing of each other."""

    name: ClassVar[str]
    needs: ClassVar[Literal["runs", "past"]]
    """What `check()` needs of the history at full depth."""
    recovery: ClassVar[str]
    """What a run did that ended a finding, after the agent's name: `nova succeeded again`."""

    @abstractmethod
    def suspects(self, history: AgentHistory) -> bool:
        """A cheap look at the few newest runs: False when `check()` at full depth finds nothing."""

    @abstractmethod
    def check(self, history: AgentHistory) -> Finding | None:
        """Judge an agent by its history."""

    @abstractmethod
    def is_recovery(self, run: ReportedRun) -> bool:
        """Whether this run, coming after a finding, ends it."""
