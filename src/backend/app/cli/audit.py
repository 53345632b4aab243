"""`runlog audit`."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import typer
from rich.padding import Padding
from rich.text import Text

from app.agents.registry import muted_agents
from app.alerts.outbox import announce
from app.audit import cycle, findings
from app.audit.cycle import AuditCycle
from app.audit.wire import FindingOut
from app.cli.output import console, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.text import at, printable
from app.models import AuditFinding
from app.wiring import alert_settings, audit_settings

_MAX_SHOWN = 10_000
_INDENT = 10
_STYLES = {"high": "red", "medium": "yellow"}


def audit(as_json: bool) -> None:
    """Run an audit unless one is under way, and print the open findings."""
    found, done, muted = run_on_database(_audit())
    for error in done.errors if done else ():
        typer.echo(f"{error.rule} could not judge {printable(error.agent_id)}: {error.error}", err=True)
    if as_json:
        print_json_lines(FindingOut.of(finding, muted).model_dump() for finding in found)
    elif found:
        _show(found, muted)
    elif done:
        typer.echo(f"No findings: {done.agents} agents checked")
    else:
        typer.echo("No findings so far; another audit is under way")


def acknowledge(finding: str, by: str, note: str | None) -> None:
    """Acknowledge the open finding whose id begins with `finding`. Raises `NotFoundError`."""
    known = run_on_database(_acknowledge(finding, by, note))
    typer.echo(f"{known.message}: acknowledged by {printable(by)}")


async def _audit() -> tuple[Sequence[AuditFinding], AuditCycle | None, set[str]]:
    """The open findings, after a cycle of our own unless another one is under way; and who is muted."""
    async with transaction() as session:
        muted = await muted_agents(session)
        if await cycle.lock_audit(session):
            settings = get_settings()
            done = await cycle.audit(session, audit_settings(settings))
            await announce(session, alert_settings(settings), done.at, done.open, done.closed)
            return done.open, done, muted
        return await findings.list_findings(session, limit=_MAX_SHOWN), None, muted


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
            f"{str(finding.id)[:8]}  ",
            (printable(finding.severity).ljust(longest), _STYLES.get(finding.severity, "")),
            (f"  {printable(finding.agent_id)}", "bold"),
            f"  {printable(finding.rule)}  since {at(finding.opened_at, now)}{_alerts(finding, muted, now)}",
        )
        out.print(head)
        out.print(Padding(Text(finding.message), (0, 0, 0, _INDENT), expand=False))


def _alerts(finding: AuditFinding, muted: Collection[str], now: datetime) -> str:
    """When an alert was sent, and why no more are."""
    notes = [f"told {at(finding.notified_at, now)}"] if finding.notified_at else []
    if finding.acknowledged_by:
        notes.append(f"acknowledged by {printable(finding.acknowledged_by)}")
    if finding.agent_id in muted:
        notes.append("muted")
    return "".join(f", {note}" for note in notes)
