"""`runlog agents`: pause and mute them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.output import parse_until, run_on_database
from app.db.session import transaction
from app.domain.audit.finding import printable
from app.errors import NotFoundError
from app.services import agent_pauses

app = typer.Typer(no_args_is_help=True, help="Pause and mute agents.")

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")]


@app.command()
def pause(
    agent: Agent,
    until: Annotated[
        str | None, typer.Option(help="The pause ends by itself then: 2h from now, or an ISO 8601 time.")
    ] = None,
) -> None:
    """Raise no finding of an agent, until it is resumed or until a time."""
    moment = parse_until(until) if until else None
    _change(agent, lambda session: agent_pauses.pause(session, agent, moment))
    ends = f"until {moment:%Y-%m-%d %H:%M} UTC" if moment else "until it is resumed"
    typer.echo(f"{printable(agent)} is paused {ends}")


@app.command()
def resume(agent: Agent) -> None:
    """End an agent's pause; the wait for its reports begins anew."""
    _change(agent, lambda session: agent_pauses.resume(session, agent))
    typer.echo(f"{printable(agent)} is watched")


@app.command()
def mute(agent: Agent) -> None:
    """Let no alert about an agent go out; its findings are found and shown still."""
    _change(agent, lambda session: agent_pauses.mute(session, agent, muted=True))
    typer.echo(f"{printable(agent)} is muted")


@app.command()
def unmute(agent: Agent) -> None:
    """Let alerts about an agent go out again."""
    _change(agent, lambda session: agent_pauses.mute(session, agent, muted=False))
    typer.echo(f"{printable(agent)} is not muted")


def _change(agent: str, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    run_on_database(_changed(agent, work))


async def _changed(agent: str, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    async with transaction() as session:
        # A slip of the keyboard must not declare an agent, which would be missed then.
        if not await agent_pauses.is_known(session, agent):
            raise NotFoundError(f"no agent {printable(agent)} has reported or is declared")
        await work(session)
