"""The daily digest: who is open, what opened and closed, and how the runs went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerts.domain.calibration import MOST_LISTED
from app.alerts.domain.incident import Incident, as_json, by_gravity
from app.alerts.domain.message import Message, listed, name_of
from app.kit.text import at, counted
from app.scoring.domain.bands import band_of


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened from `since` to `now`. `runs` counts them by status; qualities are from 0 to 1."""

    since: datetime
    now: datetime
    open: Sequence[Incident]
    opened: int
    closed: Sequence[Incident]
    runs: Mapping[str, int]
    quality_7d: float | None
    quality_previous_7d: float | None


def digest_message(notification_id: str, digest: Digest, product_url: str) -> Message:
    """The digest as a message."""
    count = len(digest.open)
    title = f"Digest: {count} open" if count else "Digest: nothing is open"
    title += f", {digest.opened} opened, {len(digest.closed)} closed"
    open_ = [_open_line(each, digest.now) for each in by_gravity(digest.open)]
    closed = [_closed_line(each, digest.now) for each in by_gravity(digest.closed)]
    runs = f"Since {at(digest.since, digest.now)}: {_runs(digest.runs)}."
    blocks = [runs, _quality(digest), _list("Open", open_), _list("Closed", closed)]
    data = {
        "since": digest.since.isoformat(),
        "runs": dict(digest.runs),
        "opened": digest.opened,
        "closed": len(digest.closed),
        "quality_7d": digest.quality_7d,
        "findings": [as_json(each) for each in by_gravity(digest.open)[:MOST_LISTED]],
        "findings_left_out": max(0, count - MOST_LISTED),
    }
    return Message.safe(
        title,
        blocks,
        data,
        lines=[runs, *open_, *(f"Closed: {line}" for line in closed)],
        count=f"{count} open",
        link=f"{product_url}/audit",
        notification_id=notification_id,
    )


def _runs(runs: Mapping[str, int]) -> str:
    total = sum(runs.values())
    if not total:
        return "no runs"
    parts = ", ".join(f"{count} {status}" for status, count in sorted(runs.items(), reverse=True))
    return f"{counted(total, 'run')} ({parts})"


def _quality(digest: Digest) -> str:
    if digest.quality_7d is None:
        return ""
    before = digest.quality_previous_7d
    compared = "" if before is None else f" (the week before: {before:.2f})"
    band = band_of(digest.quality_7d)
    return f"Quality over 7 days: {digest.quality_7d:.2f}, {band.name}{compared}."


def _list(heading: str, lines: Sequence[str]) -> str:
    text = "\n".join(listed(lines, MOST_LISTED))
    return f"{heading}:\n{text}" if text else ""


def _open_line(incident: Incident, now: datetime) -> str:
    line = f"{incident.severity.upper()} {name_of(incident)}: {incident.what}"
    line += f", since {at(incident.opened_at, now)}"
    if incident.acknowledged_by:
        line += f", acknowledged by {incident.acknowledged_by}"
    return f"{line}, muted" if incident.muted else line


def _closed_line(incident: Incident, now: datetime) -> str:
    until = f" until {at(incident.closed_at, now)}" if incident.closed_at else ""
    return f"{name_of(incident)}: {incident.what}, {at(incident.opened_at, now)}{until}"
