"""What a rule sees: one agent's newest runs, what is declared of it, and the moment to judge at."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.cadence import DEFAULT_TIMEZONE, Past

HISTORY_DEPTH = 50
"""How many of an agent's newest runs, or reports, a rule judges by."""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run as the Auditor sees it. `silence_count`: how many runs in a row up to it were silent."""

    id: str
    status: str
    created_at: datetime
    silence_count: int = 0
    summary: str | None = None

    @property
    def silent(self) -> bool:
        """Whether it reported nothing meaningful. A declared no-op is not silent."""
        return self.silence_count > 0


@dataclass(frozen=True, slots=True)
class AgentHistory:
    """An agent at `now`: its newest runs, newest first, at most `HISTORY_DEPTH`, and its declaration.

    `past` is when it reported, further back than `runs` where that was read. `watching_since` is when
    somebody began to wait for it again: the product came back from an outage, or a pause ended.
    """

    agent_id: str
    now: datetime
    runs: tuple[ReportedRun, ...] = ()
    past: Past | None = None
    schedule: str | None = None
    timezone: str = DEFAULT_TIMEZONE
    grace: timedelta | None = None
    paused: bool = False
    watching_since: datetime | None = None

    @property
    def reports(self) -> list[datetime]:
        """When its runs were reported, newest first."""
        return [run.created_at for run in self.runs]
