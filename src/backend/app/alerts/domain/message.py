"""What an alert says, for a tired person on a phone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

from app.alerts.domain.calibration import (
    LONGEST_LINK,
    LONGEST_NAME,
    MOST_DETAILED,
    MOST_FOR_PROGRAMS,
    MOST_LINES,
    MOST_LISTED,
    MOST_NAMED,
)
from app.alerts.domain.incident import Incident, as_json, by_gravity, gravest
from app.alerts.domain.neutral import neutral
from app.audit.domain.finding import Evidence
from app.audit.domain.fleet import FLEET_SILENT
from app.audit.domain.missing import AGENTS_MISSING
from app.audit.domain.tampering import LOG_TAMPERED
from app.kit.secrets import redact, redact_json
from app.kit.text import at, counted, printable, shortened
from app.kit.times import moment_in


@dataclass(frozen=True, slots=True)
class Message:
    """A message as people read it, and what programs get beside it.

    What it is shortened to where it is too long: `lines`, the gravest first, and that there are `more`, above
    `footer`; at last `line` alone. An alert stored before there were these has none.
    """

    title: str
    text: str
    data: dict[str, Any]
    lines: Sequence[str] = ()
    more: int = 0
    footer: str = ""
    line: str = ""

    @classmethod
    def safe(
        cls,
        title: str,
        blocks: Iterable[str],
        data: dict[str, Any],
        *,
        lines: Sequence[str],
        count: str,
        link: str,
        notification_id: str,
        run_link: str = "",
    ) -> Self:
        """The message without secrets, and without what a chat would act on in `title`, `blocks` and `lines`.

        What it is about may have been stored before masking knew its secrets. `count` says of how much it
        is; `link` is where to look, and `run_link` the run that it is about, where it is about one.
        """
        runs = [f"Run: {run_link}"] if run_link else []
        footer = [redact(f"Look: {link}"), f"Notification {notification_id}"]
        return cls(
            title=neutral(redact(" ".join(title.split()))),
            text="\n\n".join([*(neutral(redact(block)) for block in blocks if block), *runs, *footer]),
            data=redact_json(data),
            lines=[neutral(redact(line)) for line in lines[:MOST_LINES]],
            more=max(0, len(lines) - MOST_LINES),
            footer="\n".join(footer),
            line=redact(f"{count}: {link}"),
        )


def alert_message(
    notification_id: str, incidents: Iterable[Incident], now: datetime, product_url: str
) -> Message:
    """The message about at least one incident. Times are in UTC; `product_url` is where to look."""
    found = by_gravity(incidents)
    data = {
        "findings": [as_json(incident) for incident in found[:MOST_FOR_PROGRAMS]],
        "findings_left_out": max(0, len(found) - MOST_FOR_PROGRAMS),
    }
    return Message.safe(
        _title(found),
        _paragraphs(found, now),
        data,
        lines=[_in_a_line(incident, now) for incident in found],
        count=counted(len(found), "finding"),
        link=_where_to_look(found, product_url),
        run_link=_run_link(found, product_url),
        notification_id=notification_id,
    )


def test_message(notification_id: str, channel: str, product_url: str) -> Message:
    """What `runlog alerts test` sends."""
    said = f"Alerts by {channel} work. Nothing is wrong."
    text = f"{said}\n\n{product_url}\n\nNotification {notification_id}"
    return Message("Test of Agent Run Log", text, {}, line=said)


def name_of(incident: Incident) -> str:
    """The agent's name, with its id where the name does not say it."""
    name, agent_id = (_shown(text) for text in (incident.agent, incident.agent_id))
    return name if name.lower() == agent_id.lower() else f"{name} ({agent_id})"


def _shown(name: str) -> str:
    # Masked first: the beginning of a secret may not be seen to be one.
    return shortened(redact(printable(name)), LONGEST_NAME)


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
    """The page of the only agent, or of all findings."""
    agents = {incident.agent_id for incident in incidents}
    of_one = _agent_page(agents.pop(), product_url) if len(agents) == 1 else ""
    of_several = FLEET_SILENT, AGENTS_MISSING, LOG_TAMPERED
    fleet = any(incident.rule in of_several for incident in incidents)
    return of_one if of_one and not fleet and len(of_one) <= LONGEST_LINK else f"{product_url}/audit"


def _agent_page(agent_id: str, product_url: str) -> str:
    # Browsers resolve a segment of dots alone.
    return "" if agent_id in (".", "..") else f"{product_url}/agents/{quote(agent_id, safe='')}"


def _run_link(incidents: Sequence[Incident], product_url: str) -> str:
    """The page of the run by which the only incident was judged, or that ended it; empty without one."""
    if len(incidents) > 1:
        return ""
    evidence, ending = incidents[0].evidence, incidents[0].closing_evidence or {}
    for run in (ending.get("run"), evidence.get("last_output"), evidence.get("last_run")):
        if isinstance(run, dict) and isinstance(run.get("id"), str) and _is_uuid(run["id"]):
            return f"{product_url}/runs/{run['id']}"
    return ""


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _parted(incidents: Iterable[Incident]) -> tuple[list[Incident], list[Incident]]:
    found = list(incidents)
    return [each for each in found if not each.closed_since], [each for each in found if each.closed_since]
