"""`runlog audit`."""

from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(invoke_without_command=True)


@app.callback()
def audit(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a finding a line.")] = False,
    _: DataDir = None,
) -> None:
    """Show what is wrong with any agent now.

    Nothing is stored, and no alert is sent.

    \b
    Examples:
      runlog audit
      runlog audit --json
    """
    if context.invoked_subcommand is not None:
        return
    from app.cli import audit as work

    work.audit(as_json)


@app.command()
def backtest(
    runs: Annotated[
        Path | None, typer.Option(help="A file with a run a line, as JSON: agent_id, status, created_at, …")
    ] = None,
    agents: Annotated[
        Path | None, typer.Option(help="A JSON file with what is declared: agent_id, schedule, timezone, …")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Take the runs of the database since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a finding a line.")] = False,
    _: DataDir = None,
) -> None:
    """Show what the Auditor would have found in the past.

    It goes over the runs of a file or of the database by the same rules.

    \b
    Examples:
      runlog audit backtest --since 30d
      runlog audit backtest --runs runs.jsonl --agents agents.json
    """
    from app.cli import backtest as work

    work.backtest(runs, agents, since, as_json)


@app.command()
def acknowledge(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Its id, or the beginning of it.")],
    by: Annotated[str, typer.Option(help="Who knows of it; you, unless set.", default_factory=getuser)],
    note: Annotated[str | None, typer.Option(help="What the others should know.")] = None,
    _: DataDir = None,
) -> None:
    """Have no alert remind of a finding any more.

    It says that somebody knows of it; the finding stays open until its cause is gone.

    \b
    Example:
      runlog audit acknowledge 9b2d4c1e --note "The host is being replaced"
    """
    from app.cli import audit as work

    work.acknowledge(finding, by, note)
