"""`runlog start`: tell the log that a run has begun."""

import typer

from app.cli.masking import masked_text
from app.cli.run_keys import new_key, now
from app.cli.sending import send_start


def start(agent: str, key: str | None) -> None:
    """Print the run's key and send the signal; a server that does not take it is a note, no failure."""
    key = key or new_key()
    typer.echo(key)
    if problem := send_start(agent, key, now()):
        typer.echo(masked_text(f"runlog: the start was not recorded: {problem}"), err=True)
