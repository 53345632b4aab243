"""`runlog keys`."""

from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""See and change the keys that sign checkpoints.

\b
Examples:
  runlog keys show
  runlog keys add
""",
)


@app.command("show")
def show(_: DataDir = None) -> None:
    """Print the public part of each key.

    Checkpoints and proofs are verified with it.

    \b
    Example:
      runlog keys show > log-keys.txt
    """
    from app.cli import keys as work

    work.show()


@app.command("add")
def add(_: DataDir = None) -> None:
    """Make another key, which signs beside the others.

    Once both have signed a checkpoint, the older one can be retired.

    \b
    Example:
      runlog keys add
    """
    from app.cli import keys as work

    work.add()


@app.command("retire")
def retire(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its public part, as `show` prints it.")],
    _: DataDir = None,
) -> None:
    """Sign no more with a key, and delete it.

    \b
    Example:
      runlog keys retire agent-run-log/0f+2b1c9d11+AVs0
    """
    from app.cli import keys as work

    work.retire(key)
