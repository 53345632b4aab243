"""What the Auditor finds about all agents together."""

from datetime import UTC, datetime

from app.audit.cadence import Outage
from app.audit.domain.finding import Evidence, Finding
from app.kit.text import at

FLEET_SILENT = "fleet_silent"
"""Hardly any agent reports though many usually do: nobody can say who of them stopped."""

REPORTING_AGAIN: Evidence = {"reason": "agents report as usual again"}


def fleet_silent(outage: Outage, now: datetime, found_by: str) -> Finding:
    """A finding that says since when; it goes by the name of whoever found it, and is of no single agent."""
    since = datetime.fromtimestamp(outage.start, UTC)
    message = (
        f"Hardly any agent has reported since {at(since, now)}, though many usually do at this time;"
        " the way to the log may be broken, so who is overdue is unknown, not stopped"
    )
    evidence = {"severity": "high", "since": since.isoformat()}
    return Finding(FLEET_SILENT, found_by, "high", message, evidence, began_at=since)
