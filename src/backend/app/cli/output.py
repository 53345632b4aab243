"""What several commands share in how they read options and print."""

import json
import re
import sys
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO, TypeVar

import msgspec
import typer
from rich.console import Console

from app.kit.text import escape_unprintable, parse_span

T = TypeVar("T")

# Characters in a line of a file or a pipe.
_FILE_WIDTH = 200


def parse_since(text: str) -> datetime:
    """A duration back from now (`90s`, `30m`, `2h`, `7d`, `1w`) or an ISO 8601 time, in UTC.

    Raises `typer.BadParameter`.
    """
    return _parse_moment(text, -1)


def parse_until(text: str) -> datetime:
    """A duration from now on or an ISO 8601 time that is still to come, as `parse_since` has them.

    Raises `typer.BadParameter`.
    """
    moment = _parse_moment(text, 1)
    if moment <= datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} is past")
    return moment


def _parse_moment(text: str, direction: int) -> datetime:
    span = parse_span(text)
    try:
        if span is not None:
            return datetime.now(UTC) + direction * span
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither a duration such as 2h nor an ISO 8601 time") from error


def check_id(text: str) -> str:
    """The beginning of an id as it was given. Raises `typer.BadParameter` where it cannot be one."""
    if not re.fullmatch(r"[0-9A-Fa-f]{1,8}[0-9A-Fa-f-]{0,28}", text):
        raise typer.BadParameter(f"{text!r} is not the beginning of an id such as 9b2d4c1e")
    return text


def run_on_database(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end. Raises `DatabaseError` in one plain sentence."""
    import asyncio

    from app.db.plain_errors import plain_errors  # what asks a server needs no database driver

    with plain_errors():
        return asyncio.run(coroutine)


def console() -> Console:
    """The terminal; a file or a pipe, which has no width of its own, as one with long lines."""
    return Console() if sys.stdout.isatty() else Console(width=_FILE_WIDTH)


def print_json_lines(values: Iterable[Any]) -> None:
    """One JSON value a line on stdout."""
    for value in values:
        print_json(msgspec.json.encode(value).decode())


def print_json(text: str, file: TextIO | None = None) -> None:
    """One JSON value on a line, with what the stream cannot show or a terminal obeys as escapes."""
    stream = file or sys.stdout
    if not (stream.encoding or "utf-8").lower().startswith("utf"):
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    typer.echo(escape_unprintable(text), file=stream)
