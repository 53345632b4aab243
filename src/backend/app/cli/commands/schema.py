"""`runlog schema`: create, repair, check or print the tables."""

import typer

from app.cli.options import DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""Create, repair, check or print tables and triggers.

\b
Example:
  runlog schema check
""",
)


@app.command()
def sync(_: DataDir = None) -> None:
    """Create or repair the tables, without blocking writers.

    \b
    Example:
      runlog schema sync
    """
    from app.cli import schema as work

    work.sync()


@app.command()
def check(_: DataDir = None) -> None:
    """Report every difference from the schema, one a line.

    The exit status is 1 when there is any.

    \b
    Example:
      runlog schema check
    """
    from app.cli import schema as work

    work.check()


@app.command("print")
def print_() -> None:
    """Print the DDL of a fresh database; needs no connection.

    \b
    Example:
      runlog schema print >schema.sql
    """
    from app.cli import schema as work

    work.print_()


@app.command()
def roles(_: DataDir = None) -> None:
    """Create or repair roles with the least rights.

    Prints how the processes log in with them.

    \b
    Example:
      runlog schema roles
    """
    from app.cli import schema as work

    work.roles()


@app.command()
def partition(_: DataDir = None) -> None:
    """Turn the log over to partitions by month.

    For logs of many millions of runs. Runs may keep coming in meanwhile. What is there stays in one
    partition. There is no way back but `runlog backup` before it.

    \b
    Example:
      runlog schema partition
    """
    from app.cli import schema as work

    work.partition()


@app.command("rebuild-state")
def rebuild_state(_: DataDir = None) -> None:
    """Rebuild states and rollups from the log.

    Runs may keep coming in meanwhile.

    \b
    Example:
      runlog schema rebuild-state
    """
    from app.cli import schema as work

    work.rebuild_state()
