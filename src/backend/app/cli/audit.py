"""`runlog audit`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.backtest import backtest
from app.cli.output import print_json_lines, run_on_database
from app.db.session import transaction
from app.domain.audit.finding import at, printable
from app.models import AuditFinding
from app.schemas.audit import FindingOut
from app.services import auditor_service
from app.services.auditor_service import AuditCycle

app = typer.Typer(invoke_without_command=True, help="Audit every agent now and show what is wrong.")

_MAX_SHOWN = 10_000
app.command()(backtest)


@app.callback()
def audit(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a finding a line.")] = False,
) -> None:
    """Audit every agent now, store what changed, and show what is wrong."""
    if context.invoked_subcommand is not None:
        return
    found, cycle = run_on_database(_audit())
    for error in cycle.errors if cycle else ():
        typer.echo(f"{error.rule} could not judge {printable(error.agent_id)}: {error.error}", err=True)
    if as_json:
        print_json_lines(FindingOut.model_validate(finding).model_dump() for finding in found)
    elif found:
        Console().print(_table(found))
    elif cycle:
        typer.echo(f"No findings: {cycle.agents} agents checked")
    else:
        typer.echo("No findings so far; another audit is under way")


async def _audit() -> tuple[Sequence[AuditFinding], AuditCycle | None]:
    """The open findings, after a cycle of our own unless another one is under way."""
    async with transaction() as session:
        if await auditor_service.lock_audit(session):
            cycle = await auditor_service.audit(session)
            return cycle.open, cycle
        return await auditor_service.findings(session, limit=_MAX_SHOWN), None


def _table(found: Sequence[AuditFinding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("agent", "rule", "since"):
        table.add_column(heading, no_wrap=True)
    table.add_column("message", overflow="fold")
    now = datetime.now(UTC)
    for finding in found:
        table.add_row(
            Text(printable(finding.agent_id)),
            Text(finding.rule),
            at(finding.opened_at, now),
            Text(finding.message),
        )
    return table
