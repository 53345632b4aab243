"""What an alert is about: findings that opened, that are open still, or that closed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.audit.domain.finding import SEVERITIES, Evidence
from app.kit.text import printable

URGENT = SEVERITIES[0]
"""The severity of what goes out at once: no limit of messages an hour and no muting holds it back."""

EVENTS = ("opened", "reminder", "closed")
"""What may have happened to a finding, the most important first."""

GROWS_INTO = {"late": "stopped_reporting"}
"""Rules whose findings close by becoming another rule's: such a closing is not announced as resolved."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A finding as an alert describes it. `events`, of `EVENTS`, have happened to it; `agent` is a name."""

    finding_id: str
    rule: str
    severity: str
    agent_id: str
    agent: str
    message: str
    evidence: Evidence
    opened_at: datetime
    events: frozenset[str] = frozenset()
    closed_at: datetime | None = None
    closing_evidence: Evidence | None = None
    acknowledged_by: str | None = None
    muted: bool = False

    @property
    def what(self) -> str:
        """The rule in words."""
        return printable(self.rule).replace("_", " ")

    @property
    def closed_since(self) -> bool:
        """Whether the alert says that it closed."""
        return "closed" in self.events

    @property
    def why_closed(self) -> str | None:
        """Why it closed, where that is known."""
        reason = (self.closing_evidence or {}).get("reason")
        return reason if isinstance(reason, str) else None


def gravest(severities: Iterable[str]) -> str:
    """The highest of the severities; `low` of none."""
    return min(severities, key=_rank, default="low")


def by_gravity(incidents: Iterable[Incident]) -> list[Incident]:
    """What is open before what closed, then the gravest, then the oldest."""
    return sorted(incidents, key=lambda each: (each.closed_since, _rank(each.severity), each.opened_at))


def kind_of(events: Iterable[str]) -> str:
    """The most important of these events, which names the kind of the message."""
    return min(events, key=EVENTS.index)


def as_json(incident: Incident) -> dict[str, Any]:
    """An incident for programs."""
    return {
        "id": incident.finding_id,
        "events": sorted(incident.events),
        "rule": incident.rule,
        "severity": incident.severity,
        "agent_id": incident.agent_id,
        "agent": incident.agent,
        "message": incident.message,
        "evidence": incident.evidence,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "closing_evidence": incident.closing_evidence,
    }


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity if severity in SEVERITIES else "medium")
