"""`runlog feedback`."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from app.cli.output import print_json_lines, run_on_database
from app.db.session import transaction
from app.quality.agent_feedback import agent_feedback
from app.quality.domain.feedback import Feedback, markdown
from app.quality.wire import AgentFeedbackOut


def feedback(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell an agent what its recent runs lacked: Markdown that is fit for its prompt."""
    given = run_on_database(_feedback(agent))
    if as_json:
        print_json_lines([AgentFeedbackOut.model_validate(given).model_dump(mode="json")])
    elif sys.stdout.isatty():
        Console().print(Markdown(markdown(given), hyperlinks=False))
    else:
        typer.echo(markdown(given), nl=False)


async def _feedback(agent: str) -> Feedback:
    async with transaction() as session:
        return await agent_feedback(session, agent)
