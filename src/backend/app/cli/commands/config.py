"""`runlog config`."""

from typing import Annotated

import typer


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the effective settings, secrets masked.

    \b
    Examples:
      runlog config
      runlog config --json
    """
    from app.cli import config as work

    work.config(as_json)
