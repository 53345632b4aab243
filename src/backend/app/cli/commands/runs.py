"""`runlog runs`."""

from typing import Annotated

import typer

from app.cli.options import Status


def runs(
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those that went so.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those since: 30m, 2h, 7d or an ISO 8601 time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on and print new runs as they come.")
    ] = False,
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
