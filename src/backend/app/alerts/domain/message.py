"""What an alert says, for a tired person on a phone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

from app.alerts.domain.calibration import (
    MOST_DETAILED,
    MOST_FOR_PROGRAMS,
    MOST_LISTED,
    MOST_NAMED,
)
from app.alerts.domain.incident import Incident, as_json, by_gravity, gravest
from app.audit.domain.finding import Evidence
from app.audit.domain.fleet import FLEET_SILENT
from app.kit.secrets import redact, redact_json
from app.kit.text import at, printable
from app.kit.times import moment_in


@dataclass(frozen=True, slots=True)
class Message:
    """A message as people read it, and what programs get beside it."""

    title: str
    text: str
    data: dict[str, Any]

    @classmethod
    def masked(cls, title: str, text: str, data: dict[str, Any]) -> Self:
        """The message without secrets: what it is about may have been stored before masking knew them."""
        return cls(redact(title), redact(text), redact_json(data))


def alert_message(
    notification_id: str, incidents: Iterable[Incident], now: datetime, product_url: str
) -> Message:
    """The message about at least one incident. Times are in UTC; `product_url` is where to look."""
    found = by_gravity(incidents)
    blocks = [*_paragraphs(found, now), _where_to_look(found, product_url), f"Notification {notification_id}"]
    data = {
        "findings": [as_json(incident) for incident in found[:MOST_FOR_PROGRAMS]],
        "findings_left_out": max(0, len(found) - MOST_FOR_PROGRAMS),
    }
    return Message.masked(_title(found), "\n\n".join(blocks), data)


def test_message(notification_id: str, channel: str, product_url: str) -> Message:
    """What `runlog alerts test` sends."""
    text = f"Alerts by {channel} work. Nothing is wrong.\n\n{product_url}\n\nNotification {notification_id}"
    return Message("Test of Agent Run Log", text, {})


def name_of(incident: Incident) -> str:
    """The agent's name, with its id where the name does not say it."""
    name, agent_id = printable(incident.agent), printable(incident.agent_id)
    return name if name.lower() == agent_id.lower() else f"{name} ({agent_id})"


def listed(items: Sequence[str], limit: int) -> list[str]:
    """The first `limit` items, and how many more there are."""
    more = len(items) - limit
    return [*items[:limit], f"and {more} more"] if more > 0 else list(items)


def _title(incidents: Sequence[Incident]) -> str:
    """What is wrong, and with whom, in one line."""
    open_, closed = _parted(incidents)
    if not open_:
        return f"RESOLVED {_what_and_who(closed)}"
    # Only open findings give the severity; a message of reminders alone says so.
    severity = gravest(incident.severity for incident in open_).upper()
    if all("opened" not in incident.events for incident in open_):
        severity += ", still"
    title = f"{severity}: {_what_and_who(open_)}"
    return f"{title}; {len(closed)} resolved" if closed else title


def _what_and_who(incidents: Sequence[Incident]) -> str:
    names = list(dict.fromkeys(name_of(incident) for incident in incidents))
    what = {incident.what for incident in incidents}
    who = ", ".join(listed(names, MOST_NAMED)).replace(", and ", " and ")
    if len(what) == 1:
        return f"{who}: {what.pop()}" if len(names) == 1 else f"{what.pop()}, {len(names)} agents: {who}"
    return f"{len(incidents)} findings: {who}"


def _paragraphs(incidents: Sequence[Incident], now: datetime) -> Iterator[str]:
    if len(incidents) <= MOST_DETAILED:
        for incident in incidents:
            yield "\n".join(_in_detail(incident, now))
        return
    lines = [_in_a_line(incident, now) for incident in incidents]
    yield "\n".join(listed(lines, MOST_LISTED))


def _in_detail(incident: Incident, now: datetime) -> Iterator[str]:
    evidence = incident.evidence
    yield f"{_label(incident)}: {incident.message}"
    yield f"Since: {at(incident.opened_at, now)}"
    if incident.closed_at:
        yield f"Until: {at(incident.closed_at, now)}"
    if incident.why_closed:
        yield f"Why it is over: {incident.why_closed}"
        return
    if good := moment_in(evidence, "last_success", "created_at"):
        yield f"Last good run: {at(good, now)}"
    if expected := moment_in(evidence, "expected_by"):
        yield f"Expected by: {at(expected, now)}"
    if output := _output(evidence):
        yield f"Last output: {output}"
    yield f"To stop reminders: runlog audit acknowledge {incident.finding_id[:8]}"


def _in_a_line(incident: Incident, now: datetime) -> str:
    line = f"{_label(incident)} {name_of(incident)}: {incident.what}, since {at(incident.opened_at, now)}"
    return f"{line}, until {at(incident.closed_at, now)}" if incident.closed_at else line


def _label(incident: Incident) -> str:
    return "RESOLVED" if incident.closed_since else incident.severity.upper()


def _output(evidence: Evidence) -> str | None:
    """What the agent last had to say, as the finding's evidence has it."""
    for run in (evidence.get("last_output"), evidence.get("last_run")):
        if isinstance(run, dict) and isinstance(run.get("summary"), str):
            return f"{printable(run['summary'])} ({run.get('status')})"
    return None


def _where_to_look(incidents: Sequence[Incident], product_url: str) -> str:
    agents = {incident.agent_id for incident in incidents}
    of_one = len(agents) == 1 and all(incident.rule != FLEET_SILENT for incident in incidents)
    path = f"agents/{quote(agents.pop(), safe='')}" if of_one else "audit/findings"
    return f"Look: {product_url.rstrip('/')}/api/v1/internal/{path}"


def _parted(incidents: Iterable[Incident]) -> tuple[list[Incident], list[Incident]]:
    found = list(incidents)
    return [each for each in found if not each.closed_since], [each for each in found if each.closed_since]
