"""`runlog agents`: how each is doing; pause and mute them."""

from typing import Annotated

import typer

app = typer.Typer(invoke_without_command=True, help="Show how every agent is doing; pause and mute them.")

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")]


@app.callback()
def agents(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an agent a line.")] = False,
) -> None:
    """Show how every agent is doing, those in trouble first."""
    if context.invoked_subcommand is not None:
        return
    from app.cli import agents as work

    work.show(as_json)


@app.command()
def pause(
    agent: Agent,
    until: Annotated[
        str | None, typer.Option(help="The pause ends by itself then: 2h from now, or an ISO 8601 time.")
    ] = None,
) -> None:
    """Raise no finding of an agent, until it is resumed or until a time."""
    from app.cli import agents as work

    work.pause(agent, until)


@app.command()
def resume(agent: Agent) -> None:
    """End an agent's pause; the wait for its reports begins anew."""
    from app.cli import agents as work

    work.resume(agent)


@app.command()
def mute(agent: Agent) -> None:
    """Let no alert about an agent go out; its findings are found and shown still."""
    from app.cli import agents as work

    work.mute(agent)


@app.command()
def unmute(agent: Agent) -> None:
    """Let alerts about an agent go out again."""
    from app.cli import agents as work

    work.unmute(agent)
