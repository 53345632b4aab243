"""What the Auditor finds about all agents together."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zlib import crc32

from app.audit import calibration
from app.audit.cadence import Outage
from app.audit.domain.finding import Evidence, Finding
from app.kit.text import at

FLEET_SILENT = "fleet_silent"
"""Hardly any agent reports though many usually do: which of them stopped is unknown."""

REPORTING_AGAIN: Evidence = {"reason": "agents report as usual again"}
OTHERS_GO_ON: Evidence = {"reason": "some agents report as usual for hours: those that do not have stopped"}
"""Then it was no outage after all."""


def fleet_silent(outage: Outage, now: datetime, found_by: str) -> Finding:
    """A finding that says since when. It is of no single agent, and stands under the one that found it."""
    since = datetime.fromtimestamp(outage.start, UTC)
    message = (
        f"Hardly any agent has reported since {at(since, now)}, though many usually do at this time;"
        " the way to the log may be broken, so who is overdue is unknown, not stopped"
    )
    evidence = {"severity": "high", "since": since.isoformat()}
    return Finding(FLEET_SILENT, found_by, "high", message, evidence, began_at=since)


def sampled(agent_ids: Iterable[str]) -> list[str]:
    """The agents of a fleet whose reports are compared with those of the weeks before: a sample of many."""
    by_digest = sorted(agent_ids, key=lambda agent_id: (crc32(agent_id.encode()), agent_id))
    return by_digest[: calibration.FLEET_SAMPLE]
