"""`runlog report`, and what goes with it: `runlog start`, `runlog flush`."""

from typing import Annotated

import typer

from app.cli.options import DataDir, Status, read_key, read_source, read_time


def report(
    agent: Annotated[str, typer.Argument(help="Who ran, for example sage.")],
    status: Annotated[Status, typer.Argument(help="How it went.")],
    summary: Annotated[str | None, typer.Option(help="What it did, in a sentence.")] = None,
    actions: Annotated[
        str | None, typer.Option(help="More about it: a JSON object, @FILE, or - for stdin.")
    ] = None,
    run_key: Annotated[
        str | None,
        typer.Option(
            "--run-key",
            "--idempotency-key",
            callback=read_key,
            help="Which run this is: all that is said of it is one record. RUNLOG_RUN_KEY, else a new one.",
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(callback=read_source, help="Who says so, where it is not the agent itself.")
    ] = None,
    started_at: Annotated[
        str | None, typer.Option(callback=read_time, help="When the run began, in RFC 3339.")
    ] = None,
    finished_at: Annotated[
        str | None, typer.Option(callback=read_time, help="When it ended, where that was not now.")
    ] = None,
    _: DataDir = None,
) -> None:
    """Report one finished run, and print the run's id.

    It is sent to the server at RUNLOG_URL, again for half a minute where that cannot take it now. Then the
    run is kept on disk and sent before the next report, or by `runlog flush`.

    \b
    Examples:
      runlog report sage success --summary "Rotated 3 log files"
      runlog report sage failed --actions '{"summary": "Disk full", "free_mb": 0}'
      runlog report sage success --actions @run.json --run-key 2026-11-29
    """
    from app.cli import report as work

    work.report(
        agent,
        status,
        summary=summary,
        actions=actions,
        key=run_key,
        source=source,
        started_at=started_at,
        finished_at=finished_at,
    )


def start(
    agent: Annotated[str, typer.Argument(help="Who begins to run, for example sage.")],
    key: Annotated[str | None, typer.Option(callback=read_key, help="The run's key, else a new one.")] = None,
    _: DataDir = None,
) -> None:
    """Say that a run begins, and print its key.

    So one that hangs is seen. A server that cannot be reached is a note on stderr and nothing more.

    \b
    Examples:
      export RUNLOG_RUN_KEY=$(runlog start sage)
      runlog start sage --key 2026-11-29
    """
    from app.cli import start as work

    work.start(agent, key)


def flush(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> None:
    """Deliver the runs that were kept while the server was away.

    It says what became of them, and exits with 1 where some are left.

    \b
    Examples:
      runlog flush
      runlog flush --json
    """
    from app.cli import flush as work

    work.flush(as_json)
