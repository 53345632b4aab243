"""`runlog feedback`."""

from typing import Annotated

import typer


def feedback(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell an agent what its recent runs lacked: Markdown that is fit for its prompt."""
    from app.cli import feedback as work

    work.feedback(agent, as_json)
