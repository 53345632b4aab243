"""`runlog logs`: what `runlog up --detach` and its servers have written."""

import sys
import time
from pathlib import Path

import typer

from app.embedded.data_dir import DataDirectory
from app.embedded.log_files import Follower
from app.embedded.parts import read_parts
from app.environment import one_data_dir
from app.errors import RunLogError
from app.kit.text import printable
from app.logs import line_for_people

_POLL_SECONDS = 0.25


def logs(log: str, data_dir: Path | None, lines: int, follow: bool) -> None:
    """Print the last `lines` of a log, and what comes after them where `follow` is set.

    On a terminal each event is a short line for people, else as it was written. Raises `RunLogError` where
    there is no such log.
    """
    directory = DataDirectory(one_data_dir(data_dir))
    path = directory.log if log == "up" else directory.path / log / "server.log"
    if log == "up":
        _say_where_else(directory)
    try:
        follower = Follower(path)
        for line in follower.before(lines):
            typer.echo(_shown(line))
        while follow:
            for line in follower.read():
                typer.echo(_shown(line))
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except FileNotFoundError as error:
        hint = ": `runlog up --detach` writes one" if log == "up" else ""
        raise RunLogError(f"there is no log at {path}{hint}") from error
    except OSError as error:
        raise RunLogError(f"cannot read {path}: {error.strerror}") from error


def _shown(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    return "\n".join(map(printable, line_for_people(line).splitlines()))


def _say_where_else(directory: DataDirectory) -> None:
    published = read_parts(directory.path)
    if directory.holder() and published and published.log is None:
        typer.echo(
            f"runlog: the `runlog up` that runs (process {published.pid}) writes to its terminal or service,"
            " not here",
            err=True,
        )
