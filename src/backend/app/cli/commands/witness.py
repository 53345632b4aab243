"""`runlog witness`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""See where checkpoints went, and add what witnesses have signed.

\b
Examples:
  runlog witness status
  runlog witness add cosigned.txt
""",
)


@app.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the last deliveries.")] = False,
    _: DataDir = None,
) -> None:
    """Show which checkpoint each destination and witness has.

    \b
    Example:
      runlog witness status
    """
    from app.cli import witness as work

    work.status(as_json)


@app.command("timestamp")
def timestamp(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the two files.")],
    _: DataDir = None,
) -> None:
    """Write the newest checkpoint with a time stamp, and the stamp.

    These are checkpoint.txt and checkpoint.tsr, which OpenSSL verifies.

    \b
    Example:
      runlog witness timestamp .
    """
    from app.cli import witness as work

    work.timestamp(directory)


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint with cosignatures.")],
    _: DataDir = None,
) -> None:
    """Add cosignatures to a checkpoint of the log.

    Taken are those by the keys of RUNLOG_WITNESS_KEYS.

    \b
    Example:
      runlog witness add cosigned.txt
    """
    from app.cli import witness as work

    work.add(file)
