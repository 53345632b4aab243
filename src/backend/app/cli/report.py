"""`runlog report`: tell the log about a run from a shell."""

import os
import sys
from pathlib import Path
from typing import Any

import typer

from app.cli.actions import read_actions
from app.cli.command_output import plain
from app.cli.masking import masked_text
from app.cli.options import Status
from app.cli.run_keys import key_under_way, new_key
from app.cli.sending import Sending, make_entry
from app.errors import RunLogError
from app.kit.strict_json import StrictJSONError


def report(
    agent: str,
    status: Status,
    *,
    summary: str | None,
    actions: str | None,
    key: str | None,
    source: str | None,
    started_at: str | None,
    finished_at: str | None,
) -> None:
    """Report one run and print its id; where the server is away, say on stderr that the run is kept.

    Raises `RunLogError` when it was neither recorded nor kept, or kept for what only a person can set right,
    and `typer.BadParameter` for `actions`.
    """
    taken = _read_actions(actions) if actions is not None else {}
    if summary is not None:
        taken["summary"] = plain(os.fsencode(summary))
    entry = make_entry(
        agent,
        status.value,
        taken,
        key=key or key_under_way(agent) or new_key(),
        source=source,
        started_at=started_at,
        finished_at=finished_at,
    )
    sending = Sending(entry)
    sending.keep()
    sent = sending.send()
    if sent.run_id:
        typer.echo(sent.run_id)
    if sent.kept_for:
        kept = f"the run is kept and sent later: {sent.kept_for}"
        if not sent.is_for_later:
            raise RunLogError(kept)
        typer.echo(masked_text(f"runlog: {kept}"), err=True)


def _read_actions(source: str) -> dict[str, Any]:
    try:
        return read_actions(_read(source))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {source}: {error.strerror}") from error
    except StrictJSONError as error:
        raise typer.BadParameter(masked_text(f"--actions is not valid: {error}")) from error


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read() if sys.stdin else b""
    return Path(source[1:]).read_bytes() if source.startswith("@") else os.fsencode(source)
