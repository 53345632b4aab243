"""What the Auditor finds, and how a run is shown as evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from app.audit.domain.history import ReportedRun
from app.kit.secrets import public_text
from app.kit.text import printable

Evidence = dict[str, Any]
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: Sequence[str] = ("critical", "high", "medium", "low")
"""Of findings, the gravest first; one of another program counts as `medium`."""
FindingKey = tuple[str, str]
"""The rule and the agent: of each pair at most one finding is open."""

_QUOTE_LENGTH = 160
_MAX_RUN_IDS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with an agent: a sentence for people, and JSON-ready `evidence` for the rest.

    `last_run_at` is when the newest run came that it was judged by: only a later one can end it. `began_at`
    is when the trouble began, where that is known to have been before it was found.
    """

    rule: str
    agent_id: str
    severity: Severity
    message: str
    evidence: Evidence
    last_run_at: datetime | None = None
    began_at: datetime | None = None

    @property
    def key(self) -> FindingKey:
        """What makes two findings the same incident."""
        return self.rule, self.agent_id


def run_evidence(run: ReportedRun) -> Evidence:
    """A run as evidence."""
    return {
        "id": run.id,
        "status": run.status,
        "created_at": run.created_at.astimezone(UTC).isoformat(),
        "summary": quote(run),
    }


def last_good(runs: Sequence[ReportedRun]) -> Evidence | None:
    """The newest success among `runs`, newest first, as evidence."""
    return next((run_evidence(run) for run in runs if run.status == "success"), None)


def run_ids(runs: Sequence[ReportedRun]) -> list[str]:
    """The ids of the first few."""
    return [run.id for run in runs[:_MAX_RUN_IDS]]


def quote(run: ReportedRun) -> str | None:
    """The run's summary on one line, short, printable and without credentials; None when it has none."""
    return public_text(printable(run.summary or ""), _QUOTE_LENGTH) or None
