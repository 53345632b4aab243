"""`runlog show`."""

from typing import Annotated

import typer

from app.cli.options import DataDir


def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run's id, or the beginning of it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    _: DataDir = None,
) -> None:
    """Show one run in full.

    That is its fields, its score with the reasons, and what it reported.

    \b
    Example:
      runlog show 01a2269a-a083
      runlog show 01a2269a-a083 --json
    """
    from app.cli import show as work

    work.show(run_id, as_json)
