"""What a rule sees: one agent's newest runs, what is declared of it, and the moment to judge at."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from app.audit.cadence import DEFAULT_TIMEZONE, Cadence, Outages
from app.audit.domain.expectation import Expected, expect
from app.audit.domain.quality import QualityTrend


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run as the Auditor sees it. `silence_count`: how many runs in a row up to it were silent.

    `score` is its overall one, from 0 to 1, where it has one.
    """

    id: str
    status: str
    created_at: datetime
    silence_count: int = 0
    summary: str | None = None
    score: float | None = None

    @property
    def silent(self) -> bool:
        """Whether it reported nothing meaningful. A declared no-op is not silent."""
        return self.silence_count > 0


@dataclass(frozen=True)
class AgentHistory:
    """An agent at `now`: its newest runs, newest first, at most `HISTORY_DEPTH`, and its declaration.

    `cadence` is how it reported, further back than `runs` where that was read; `quality` how its scores
    went, and `unscored` are its runs that have waited too long for a score, newest first. In `outages` no
    agent could report. `watching_since` is when its latest pause ended. `registered_at` is None for an agent
    that is not declared.
    """

    agent_id: str
    now: datetime
    runs: tuple[ReportedRun, ...] = ()
    cadence: Cadence | None = None
    quality: QualityTrend | None = None
    unscored: tuple[ReportedRun, ...] = ()
    outages: Outages = field(default_factory=Outages)
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
        """Its cadence, from its newest runs alone where no more was read."""
        if self.cadence is None:
            return Cadence.of(reversed(self.reports), self.outages)
        return self.cadence.with_outages(self.outages)

    @cached_property
    def expected(self) -> Expected | None:
        """By when its next report is expected; None where that cannot be said."""
        return expect(self)
