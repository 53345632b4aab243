"""`runlog agents`: how each is doing; pause and mute them, and remove what is declared."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import pauses, registry
from app.agents.declarations import remove_declaration
from app.agents.status import AgentStatus, agent_statuses
from app.agents.wire import AgentOut
from app.cli.output import console, parse_until, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.text import ago, printable
from app.wiring import audit_settings

_STYLES = {"down": "red", "unknown": "yellow", "paused": "dim", "up": "green"}
# Characters that a column keeps on a narrow terminal: what is longer goes on below.
_WIDTHS = {"agent": 8, "state": 7, "last run": 8, "status": 7, "score 7d": 5, "reports": 8}
_TROUBLE_FIRST = ("down", "unknown", "new", "up", "paused")


def show(as_json: bool) -> None:
    """Print how every agent is doing, those in trouble first."""
    statuses = run_on_database(_statuses())
    if as_json:
        print_json_lines(AgentOut.of(status).model_dump() for status in statuses)
    elif statuses:
        console().print(_table(sorted(statuses, key=lambda status: _TROUBLE_FIRST.index(status.state))))
    else:
        typer.echo("No agent has reported or is declared. Report a run: runlog report sage success")


def pause(agent: str, until: str | None) -> None:
    """Pause an agent; `until` is as `parse_until` has it. Raises `NotFoundError`, as the others here do."""
    moment = parse_until(until) if until else None
    _change(agent, lambda session: pauses.pause(session, agent, moment))
    ends = f"until {moment:%Y-%m-%d %H:%M} UTC" if moment else "until it is resumed"
    typer.echo(f"{printable(agent)} is paused {ends}")


def resume(agent: str) -> None:
    """End an agent's pause."""
    _change(agent, lambda session: pauses.resume(session, agent))
    typer.echo(f"{printable(agent)} is watched")


def remove(agent: str) -> None:
    """Take back what is declared of an agent."""
    _change(agent, lambda session: remove_declaration(session, agent))
    typer.echo(f"{printable(agent)} is no longer declared; its runs stay")


def mute(agent: str) -> None:
    """Send no alert about an agent."""
    _change(agent, lambda session: pauses.mute(session, agent, muted=True))
    typer.echo(f"{printable(agent)} is muted")


def unmute(agent: str) -> None:
    """Send alerts about an agent again."""
    _change(agent, lambda session: pauses.mute(session, agent, muted=False))
    typer.echo(f"{printable(agent)} is not muted")


async def _statuses() -> Sequence[AgentStatus]:
    async with transaction() as session:
        return await agent_statuses(session, audit_settings(get_settings()))


def _table(statuses: Sequence[AgentStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("agent", "state", "last run", "status", "score 7d"):
        table.add_column(heading, overflow="fold", min_width=_WIDTHS[heading])
    table.add_column("reports", overflow="fold", min_width=_WIDTHS["reports"])
    now = datetime.now(UTC)
    for status in statuses:
        run, quality = status.last_run, status.quality_7d.mean
        table.add_row(
            Text(_named(status)),
            Text(status.state, style=_STYLES.get(status.state, "")),
            ago(run.created_at, now) if run else "-",
            Text(_went(status)),
            "-" if quality is None else f"{quality:.2f}",
            Text(printable(status.cadence or "-")),
        )
    return table


def _named(status: AgentStatus) -> str:
    """Its id, and that another looks like it, with what cannot be seen escaped."""
    if not status.similar_to:
        return printable(status.agent_id)
    others = ", ".join(ascii(other) for other in status.similar_to)
    return f"{status.agent_id!a} (like {others})"


def _went(status: AgentStatus) -> str:
    """How its newest run went, and how many before it went so too."""
    if status.last_run is None:
        return "-"
    if status.consecutive_failures > 1:
        return f"failed {status.consecutive_failures} times"
    if status.consecutive_silences > 1:
        return f"silent {status.consecutive_silences} times"
    return printable(status.last_run.status)


def _change(agent: str, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    run_on_database(_changed(agent, work))


async def _changed(agent: str, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    async with transaction() as session:
        # A slip of the keyboard must not declare an agent, which would be missed then.
        if not await registry.is_known(session, agent):
            raise NotFoundError(f"no agent {printable(agent)} has reported or is declared")
        await work(session)
