"""`runlog feedback`."""

from typing import Annotated

import typer

from app.cli.options import DataDir


def feedback(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    _: DataDir = None,
) -> None:
    """Show what an agent's recent runs lacked, for its prompt.

    It is coloured on a terminal, and Markdown when piped.

    \b
    Examples:
      runlog feedback sage
      runlog feedback sage >feedback.md
    """
    from app.cli import feedback as work

    work.feedback(agent, as_json)
