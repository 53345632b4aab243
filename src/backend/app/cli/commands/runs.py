"""`runlog runs` and `runlog tail`."""

from typing import Annotated

import typer

from app.cli.options import DataDir, Status

Agent = Annotated[str | None, typer.Option(help="Only this agent's.")]
Went = Annotated[Status | None, typer.Option("--status", help="Only those that went so.")]
Since = Annotated[str | None, typer.Option(help="Only those since: 30m, 2h, 7d or an ISO 8601 time.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def runs(
    agent: Agent = None,
    status: Went = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on and print new runs as they come.")
    ] = False,
    _: DataDir = None,
) -> None:
    """Show recent runs, newest first.

    With --follow they come oldest first, and new ones as they are reported.

    \b
    Examples:
      runlog runs --agent sage --since 2h
      runlog runs --status failed --since 7d --json
      runlog runs --follow
    """
    from app.cli import runs as work

    work.runs(agent, status, since, limit, as_json, follow)


def tail(
    agent: Agent = None,
    status: Went = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    _: DataDir = None,
) -> None:
    """Show recent runs and new ones as they come, as `runs --follow`.

    \b
    Examples:
      runlog tail
      runlog tail --agent sage --limit 5
    """
    from app.cli import runs as work

    work.runs(agent, status, since, limit, as_json, follow=True)
