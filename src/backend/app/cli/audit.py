"""`runlog audit`."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import typer
from rich.padding import Padding
from rich.text import Text
from sqlalchemy import text

from app.agents.registry import muted_agents
from app.audit import cycle, findings, heartbeat
from app.audit.cycle import AuditCycle
from app.audit.wire import FindingOut
from app.cli.output import console, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.text import at, counted, in_words, printable
from app.models import AuditFinding
from app.wiring import audit_settings

_MAX_SHOWN = 10_000
_INDENT = 10
_NEW = "new     "  # instead of an id, which the next cycle gives
_NO_ID = UUID(int=0)
_LATE_CYCLES = 3  # intervals without a cycle after which it is said that none runs
_STYLES = {"high": "red", "medium": "yellow"}


def audit(as_json: bool) -> None:
    """Judge every agent now and print the findings; only the worker's cycle stores and announces them.

    Exit with status 1 where an agent could not be judged.
    """
    judged, last, muted = run_on_database(_judge())
    for error in judged.errors:
        typer.echo(f"{error.rule} could not judge {printable(error.agent_id)}: {error.error}", err=True)
    if as_json:
        print_json_lines(_as_json(finding, muted) for finding in judged.open)
    elif judged.open:
        _show(judged.open, muted)
    else:
        typer.echo(f"No findings: {counted(judged.agents, 'agent')} checked")
    if not as_json and last:
        typer.echo(f"Last cycle of the Auditor: {at(last, judged.at)}")
    _warn_without_cycles(last, judged.at)
    if judged.errors:
        raise typer.Exit(1)


def acknowledge(finding: str, by: str, note: str | None) -> None:
    """Acknowledge the open finding whose id begins with `finding`. Raises `NotFoundError`."""
    known = run_on_database(_acknowledge(finding, by, note))
    typer.echo(f"{known.message}: acknowledged by {printable(by)}")


async def _judge() -> tuple[AuditCycle, datetime | None, set[str]]:
    """What a cycle would find now, when the last one was, and who is muted."""
    async with transaction() as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        last, muted = await heartbeat.last_cycle(session), await muted_agents(session)
        return await cycle.judge_now(session, audit_settings(get_settings())), last, muted


def _as_json(finding: AuditFinding, muted: Collection[str]) -> dict[str, Any]:
    """A finding for programs; its id is null until a cycle has stored it."""
    stored = finding.id is not None
    if not stored:
        finding.id = _NO_ID
    shown = FindingOut.of(finding, muted).model_dump()
    return shown if stored else shown | {"id": None}


def _warn_without_cycles(last: datetime | None, now: datetime) -> None:
    """Say on stderr where the Auditor has not run for long: then no alert goes out about what is shown."""
    interval = timedelta(seconds=get_settings().audit_interval)
    if last and now - last <= _LATE_CYCLES * interval:
        return
    since = f"for {in_words(now - last)}" if last else "yet"
    typer.echo(
        f"The Auditor has not run {since}: this was judged just now, and is neither stored nor announced. "
        f"`runlog up`, or `runlog beat` with a worker, runs it every {in_words(interval)}, for the first "
        "time that long after its start",
        err=True,
    )


async def _acknowledge(beginning: str, by: str, note: str | None) -> AuditFinding:
    async with transaction() as session:
        found = await findings.list_findings(session, limit=_MAX_SHOWN)
        matching = [each for each in found if str(each.id).startswith(beginning.lower())]
        if len(matching) != 1:
            which = "several open findings begin" if matching else "no open finding begins"
            raise NotFoundError(f"{which} with {printable(beginning)}")
        await findings.acknowledge(session, matching[0].id, by, note)
        return matching[0]


def _show(found: Sequence[AuditFinding], muted: Collection[str]) -> None:
    """Each finding in a line, and what it says below, which is too long for a column."""
    out = console()
    now = datetime.now(UTC)
    longest = max(len(finding.severity) for finding in found)
    for finding in found:
        head = Text.assemble(
            f"{str(finding.id)[:8] if finding.id else _NEW}  ",
            (printable(finding.severity).ljust(longest), _STYLES.get(finding.severity, "")),
            (f"  {printable(finding.agent_id)}", "bold"),
            f"  {printable(finding.rule)}  since {at(finding.opened_at, now)}{_alerts(finding, muted, now)}",
        )
        out.print(head)
        out.print(Padding(Text(finding.message), (0, 0, 0, _INDENT), expand=False))


def _alerts(finding: AuditFinding, muted: Collection[str], now: datetime) -> str:
    """When an alert was sent, and why no more are."""
    notes = [f"alerted {at(finding.notified_at, now)}"] if finding.notified_at else []
    if finding.acknowledged_by:
        notes.append(f"acknowledged by {printable(finding.acknowledged_by)}")
    if finding.agent_id in muted:
        notes.append("muted")
    return "".join(f", {note}" for note in notes)
