"""`runlog exec`: report how a command went."""

from datetime import timedelta
from typing import Annotated

import typer

from app.cli.options import DataDir, read_key


def _read_span(text: str | None) -> str | None:
    if text is not None and _span(text) is None:
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 30m or 2h")
    return text


def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARGS]...", help="What to run.")],
    agent: Annotated[str, typer.Option(help="Who runs it.")],
    key: Annotated[
        str | None,
        typer.Option(callback=read_key, help="The run's key: RUNLOG_RUN_KEY, else a new one."),
    ] = None,
    summary: Annotated[
        str | None, typer.Option(help="What it did, in place of the last line of its output.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(callback=_read_span, help="End it when it takes longer: 90s, 30m, 2h.")
    ] = None,
    started: Annotated[
        bool, typer.Option("--started", help="Say when it begins, too, so that one that hangs is seen.")
    ] = False,
    _: DataDir = None,
) -> None:
    """Run a command, report how it went, and exit as it did.

    What becomes of the report never changes the exit code. The last JSON object that the command prints, or
    leaves in the file RUNLOG_ACTIONS_FILE, is what it did, and so is the result of
    `claude -p --output-format json` and of `codex exec --json`.

    \b
    Examples:
      runlog exec --agent atlas -- ./backup.sh --full
      runlog exec --agent atlas --timeout 30m --started -- sh -c 'make && make install'
      runlog exec --agent sage -- claude -p "Tidy up" --output-format json
    """
    from app.cli import execute as work

    span = None if timeout is None else _span(timeout)
    work.execute(command, agent, key=key, summary=summary, timeout=span, started=started)


def _span(text: str) -> timedelta | None:
    from app.kit.text import parse_span

    return parse_span(text) or None
