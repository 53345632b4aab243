"""`runlog feedback`."""

import sys

import typer
from rich.console import Console
from rich.markdown import Markdown

from app.cli.output import print_json_lines, run_on_database
from app.db.session import transaction
from app.quality.agent_feedback import agent_feedback
from app.quality.domain.feedback import Feedback, markdown
from app.quality.wire import AgentFeedbackOut


def feedback(agent: str, as_json: bool) -> None:
    """Print an agent's feedback: JSON, rendered Markdown on a terminal, else its source."""
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
