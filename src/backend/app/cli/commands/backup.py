"""`runlog backup` and `restore`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import UpDataDir


def backup(
    to: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="A new file, or a directory for one.")],
    data_dir: UpDataDir = None,
) -> None:
    """Back up the database to a file, while it is in use.

    It is that of DATABASE_URL, else the one of `runlog up`, running or not.

    \b
    Examples:
      runlog backup /var/backups/runlog
      runlog backup before-upgrade.dump
    """
    from app.cli import backup as work

    work.backup(to, data_dir)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    data_dir: UpDataDir = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop the log that is there.")] = False,
) -> None:
    """Restore a backup into an empty database, and check it.

    The exit status is 1 where the check finds anything.

    \b
    Examples:
      runlog restore before-upgrade.dump
      runlog restore before-upgrade.dump --data-dir /var/lib/runlog
    """
    from app.cli import backup as work

    work.restore(file, data_dir, replace)
