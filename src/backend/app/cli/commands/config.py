"""`runlog config`."""

from typing import Annotated

import typer

from app.cli.options import DataDir


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False, _: DataDir = None
) -> None:
    """Show the effective settings, secrets masked.

    \b
    Examples:
      runlog config
      runlog config --json
    """
    from app.cli import config as work

    work.config(as_json)
