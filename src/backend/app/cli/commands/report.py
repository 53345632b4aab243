"""`runlog report` and `runlog exec`: tell the log about a run from a shell."""

from typing import Annotated

import typer

from app.cli.options import DataDir, Status


def report(
    agent: Annotated[str, typer.Argument(help="Who ran, for example sage.")],
    status: Annotated[Status, typer.Argument(help="How it went.")],
    summary: Annotated[str | None, typer.Option(help="What it did, in a sentence.")] = None,
    actions: Annotated[
        str | None, typer.Option(help="More about it: a JSON object, @FILE, or - for stdin.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Record it once, however often it is reported by this key.")
    ] = None,
    _: DataDir = None,
) -> None:
    """Report one finished run, and print the run's id.

    It is sent to the server at RUNLOG_URL; where that cannot take it now, again for half a minute.

    \b
    Examples:
      runlog report sage success --summary "Rotated 3 log files"
      runlog report sage failed --actions '{"summary": "Disk full", "free_mb": 0}'
      runlog report sage success --actions @run.json --idempotency-key 2026-11-29
    """
    from app.cli import report as work

    work.report(agent, status, summary, actions, idempotency_key)


def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARGS]...", help="What to run.")],
    agent: Annotated[str, typer.Option(help="Who runs it.")],
    _: DataDir = None,
) -> None:
    """Run a command, report how it went, and exit as it did.

    A report that cannot be sent is a warning: it never changes the exit code.

    \b
    Examples:
      runlog exec --agent atlas -- ./backup.sh --full
      runlog exec --agent atlas -- sh -c 'make && make install'
    """
    from app.cli import report as work

    work.execute(command, agent)
