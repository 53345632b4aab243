"""`runlog token`."""

from typing import Annotated

import typer

from app.cli.options import DataDir


def token(
    renew: Annotated[bool, typer.Option("--renew", help="Make another one; the old one ends.")] = False,
    _: DataDir = None,
) -> None:
    """Show the token that other machines need.

    \b
    Examples:
      runlog token
      runlog token --renew
    """
    from app.cli import token as work

    work.token(renew=renew)
