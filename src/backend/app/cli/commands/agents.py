"""`runlog agents`: how each is doing; pause and mute them, and remove what is declared."""

from typing import Annotated

import typer

app = typer.Typer(invoke_without_command=True)

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")]


@app.callback()
def agents(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an agent a line.")] = False,
) -> None:
    """Show how every agent is doing, those in trouble first.

    \b
    Examples:
      runlog agents
      runlog agents --json
    """
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
    """Raise no finding of an agent, until it is resumed.

    With --until the pause ends by itself.

    \b
    Examples:
      runlog agents pause sage
      runlog agents pause sage --until 2h
    """
    from app.cli import agents as work

    work.pause(agent, until)


@app.command()
def resume(agent: Agent) -> None:
    """End an agent's pause.

    Its next report is expected as if it had reported now.

    \b
    Example:
      runlog agents resume sage
    """
    from app.cli import agents as work

    work.resume(agent)


@app.command()
def mute(agent: Agent) -> None:
    """Let no alert about an agent go out.

    Its findings are found and shown still.

    \b
    Example:
      runlog agents mute sage
    """
    from app.cli import agents as work

    work.mute(agent)


@app.command()
def unmute(agent: Agent) -> None:
    """Let alerts about an agent go out again.

    \b
    Example:
      runlog agents unmute sage
    """
    from app.cli import agents as work

    work.unmute(agent)


@app.command(name="rm")
def remove(agent: Agent) -> None:
    """Remove what is declared of an agent.

    Its names, schedule, pause and mute are gone; its runs, scores and findings stay. It is watched by its
    habit then; one that never reported is gone.

    \b
    Example:
      runlog agents rm sage
    """
    from app.cli import agents as work

    work.remove(agent)
