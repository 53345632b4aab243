"""`runlog archive`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(
    invoke_without_command=True,
    help="""Put old months of the log into Parquet files, or back.

The log has to be by months. Each file is read back and compared before its month is emptied. What its runs
add up to stays, and so do each agent's last run and last success. That a month is in a file, and the SHA-256
of that, is sealed.

\b
Examples:
  runlog archive --before 2027-06 --to /archive
  runlog archive restore /archive/agent_run_log-2027-05.parquet
""",
)


@app.callback()
def archive(
    context: typer.Context,
    before: Annotated[
        str | None, typer.Option("--before", metavar="YYYY-MM", help="The first month that stays.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the files go.")] = Path(),
    _: DataDir = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if before is None:
        raise typer.BadParameter("--before YYYY-MM is needed: the first month that stays")
    from app.cli import archive as work

    work.archive(before, to)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of a month.")], _: DataDir = None
) -> None:
    """Put the runs of a file back into the log.

    Each run is compared with what was sealed of it.

    \b
    Example:
      runlog archive restore /archive/agent_run_log-2027-05.parquet
    """
    from app.cli import archive as work

    work.restore(file)
