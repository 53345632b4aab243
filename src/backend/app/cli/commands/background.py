"""`runlog status`, `logs` and `down`: look at and stop what `runlog up` runs on this machine."""

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import UpDataDir


class Log(StrEnum):
    """The logs of a `runlog up`."""

    UP = "up"
    POSTGRES = "postgres"
    VALKEY = "valkey"


def status(
    data_dir: UpDataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how `runlog up` is doing, part by part.

    The exit status is 1 unless everything works.

    \b
    Examples:
      runlog status
      runlog status --data-dir /var/lib/runlog --json
    """
    from app.cli import status as work

    work.status(data_dir, as_json)


def logs(
    log: Annotated[Log, typer.Argument(help="Of everything but the servers (up), or of a server.")] = Log.UP,
    data_dir: UpDataDir = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print the log of `runlog up --detach`, or of its servers.

    \b
    Examples:
      runlog logs
      runlog logs --follow
      runlog logs postgres --lines 20
    """
    from app.cli import logs as work

    work.logs(log.value, data_dir, lines, follow)


def down(data_dir: UpDataDir = None) -> None:
    """Stop `runlog up` and wait until nothing of it runs.

    It may run in the background or elsewhere, or have been killed.

    \b
    Example:
      runlog down
    """
    from app.cli import down as work

    work.down(data_dir)
