"""`runlog agents`: how each is doing; declare, pause and mute them, and remove what is declared."""

from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(invoke_without_command=True)

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object an agent a line.")]


@app.callback()
def agents(
    context: typer.Context,
    as_json: AsJson = False,
    _: DataDir = None,
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


@app.command(name="list")
def list_(as_json: AsJson = False, _: DataDir = None) -> None:
    """Show how every agent is doing, as `runlog agents` alone does.

    \b
    Example:
      runlog agents list --json
    """
    from app.cli import agents as work

    work.show(as_json)


@app.command(name="set")
def declare(
    agent: Agent,
    every: Annotated[
        str | None, typer.Option(help="How long after its last report it is due: 15m, 1h30m.")
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(help="When it runs: a cron expression, or any other schedule that is understood."),
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="The clock of --cron, such as Europe/Berlin.")] = None,
    grace: Annotated[str | None, typer.Option(help="How late a run may be: 10m, 1h.")] = None,
    name: Annotated[str | None, typer.Option(help="How it is shown.")] = None,
    role: Annotated[str | None, typer.Option(help="What it is for, shown beside its name.")] = None,
    pause_until: Annotated[
        str | None, typer.Option(help="Raise no finding until then: 2h from now, or an ISO 8601 time.")
    ] = None,
    _: DataDir = None,
) -> None:
    """Declare what people know of an agent.

    What is not named stays as it is, an empty text ('') takes it back.

    \b
    Examples:
      runlog agents set sage --every 15m --role Backend
      runlog agents set nova --cron '0 9 * * 1-5' --timezone Europe/Berlin --grace 10m
      runlog agents set sage --role ''
    """
    from app.cli import agents as work

    given = {
        "every": every,
        "cron": cron,
        "timezone": timezone,
        "grace": grace,
        "display_name": name,
        "role": role,
        "pause_until": pause_until,
    }
    work.declare(agent, given)


@app.command()
def pause(
    agent: Agent,
    until: Annotated[
        str | None, typer.Option(help="The pause ends by itself then: 2h from now, or an ISO 8601 time.")
    ] = None,
    _: DataDir = None,
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
def resume(agent: Agent, _: DataDir = None) -> None:
    """End an agent's pause.

    Its next report is expected as if it had reported now.

    \b
    Example:
      runlog agents resume sage
    """
    from app.cli import agents as work

    work.resume(agent)


@app.command()
def mute(agent: Agent, _: DataDir = None) -> None:
    """Let no alert about an agent go out.

    Its findings are found and shown still.

    \b
    Example:
      runlog agents mute sage
    """
    from app.cli import agents as work

    work.mute(agent)


@app.command()
def unmute(agent: Agent, _: DataDir = None) -> None:
    """Let alerts about an agent go out again.

    \b
    Example:
      runlog agents unmute sage
    """
    from app.cli import agents as work

    work.unmute(agent)


@app.command(name="rm")
def remove(agent: Agent, _: DataDir = None) -> None:
    """Remove what is declared of an agent.

    Its names, schedule, pause and mute are gone; its runs, scores and findings stay. It is watched by its
    habit then; one that never reported is gone.

    \b
    Example:
      runlog agents rm sage
    """
    from app.cli import agents as work

    work.remove(agent)
