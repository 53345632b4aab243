"""`runlog witness`: who has the log's checkpoints."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from app.cli.answers import decoded
from app.cli.api_client import path_of
from app.cli.log_api import open_api
from app.cli.output import print_json
from app.errors import InputFileError
from app.kit.text import at, counted, printable


class _Destination(msgspec.Struct):
    destination: str
    tree_size: int | None
    delivered_at: datetime | None
    failures: int
    outcome: str


class _Cosigned(msgspec.Struct):
    witness: str
    tree_size: int | None
    cosigned_at: datetime | None


class _Witnesses(msgspec.Struct):
    destinations: list[_Destination]
    witnesses: list[_Cosigned]


class _Stamped(msgspec.Struct):
    checkpoint: str
    response: bytes  # base64


def status(as_json: bool) -> None:
    """Print where checkpoints went, and what witnesses have signed."""
    with open_api() as api:
        answer = api.request("GET", path_of("log", "witnesses"))
    if as_json:
        print_json(answer.decode())
        return
    known, now = decoded(answer, _Witnesses), datetime.now(UTC)
    for each in known.destinations:
        line = f"{printable(each.destination)}: {_newest(each.tree_size, each.delivered_at, now)}"
        failing = f"; failing since, {counted(each.failures, 'time')}: {printable(each.outcome)}"
        typer.echo(line + (failing if each.failures else ""))
    for witness in known.witnesses:
        newest = _newest(witness.tree_size, witness.cosigned_at, now)
        typer.echo(f"witness {printable(witness.witness)}: {newest}")
    if not (known.destinations or known.witnesses):
        typer.echo("No checkpoint was sent anywhere: set RUNLOG_CHECKPOINT_FILE or RUNLOG_CHECKPOINT_WEBHOOK")


def timestamp(directory: Path) -> None:
    """Write the newest checkpoint with a time stamp, and the stamp.

    Raises `NotFoundError` where there is none, and `RunLogError`.
    """
    with open_api() as api:
        stamped = decoded(api.request("GET", path_of("log", "timestamp")), _Stamped)
    try:
        for name, content in (("txt", stamped.checkpoint.encode()), ("tsr", stamped.response)):
            path = directory / f"checkpoint.{name}"
            path.write_bytes(content)
            typer.echo(str(path))
    except OSError as error:
        raise InputFileError(f"cannot write to {directory}: {error.strerror}") from error


def add(file: Path) -> None:
    """Add the cosignatures of the checkpoint in a file.

    Raises `NotFoundError` where the log has no such checkpoint, and `InputFileError`.
    """
    try:
        note = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"cannot read {file}: {error}") from error
    with open_api() as api:
        answer = api.request("POST", path_of("log", "cosignatures"), body={"checkpoint": note})
    for each in decoded(answer, list[_Cosigned]):
        typer.echo(f"{printable(each.witness)} has signed the checkpoint of {each.tree_size:,} leaves")


def _newest(tree_size: int | None, moment: datetime | None, now: datetime) -> str:
    return f"{tree_size:,} leaves, {at(moment, now)}" if tree_size is not None and moment else "none"
