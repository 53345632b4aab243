"""`runlog flush`: deliver the runs that were kept while the server was away."""

import json
from dataclasses import asdict

import typer

from agent_run_log._errors import SpoolError
from agent_run_log._spool import Delivery, Spool
from app.cli.masking import masked_text
from app.cli.sending import send_entry
from app.errors import RunLogError
from app.kit.text import counted

# A full spool of 10,000 runs takes less than a minute where the server answers.
_SECONDS = 600.0


def flush(as_json: bool) -> None:
    """Deliver them in order and say what became of them. Raises `typer.Exit` with 1 where some are left.

    Raises `RunLogError` where the spool cannot be used.
    """
    try:
        spool = Spool()
        delivery = spool.deliver(send_entry, seconds=_SECONDS)
    except SpoolError as error:
        raise RunLogError(str(error)) from error
    if as_json:
        typer.echo(json.dumps({**asdict(delivery), "spool": str(spool.directory)}))
    else:
        typer.echo(_in_words(delivery, spool))
    raise typer.Exit(1 if delivery.left else 0)


def _in_words(delivery: Delivery, spool: Spool) -> str:
    parts = [f"{counted(delivery.delivered, 'run')} delivered"] if delivery.delivered else []
    if delivery.rejected:
        parts.append(f"{delivery.rejected} refused and kept in {spool.directory / 'rejected'}")
    if delivery.corrupt:
        parts.append(f"{delivery.corrupt} unreadable and kept in {spool.directory / 'corrupt'}")
    if delivery.left:
        parts.append(f"{delivery.left} left: {masked_text(delivery.reason)}")
    return ", ".join(parts) or "nothing was waiting"
