"""`runlog feedback`."""

import sys

import typer

from app.cli.api_client import path_of
from app.cli.log_api import open_api
from app.cli.output import print_json


def feedback(agent: str, as_json: bool) -> None:
    """Print an agent's feedback: JSON, rendered Markdown on a terminal, else its source."""
    media_type = "application/json" if as_json else "text/markdown"
    with open_api() as api:
        given = api.request("GET", path_of("agents", agent, "feedback"), accept=media_type).decode()
    if as_json:
        print_json(given)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(given, hyperlinks=False))
    else:
        typer.echo(given, nl=False)
