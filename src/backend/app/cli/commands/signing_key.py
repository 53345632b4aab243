"""`runlog signing-key`."""

from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(no_args_is_help=True, help="The keys that sign the log's checkpoints.")


@app.command("show")
def show(_: DataDir = None) -> None:
    """Print the public part of each key, to verify checkpoints and proofs with."""
    from app.cli import signing_key as work

    work.show()


@app.command("add")
def add(_: DataDir = None) -> None:
    """Make a key that signs beside those that do; after some checkpoints an older one can be retired."""
    from app.cli import signing_key as work

    work.add()


@app.command("retire")
def retire(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its public part, as `show` prints it.")],
    _: DataDir = None,
) -> None:
    """Sign no more checkpoints with a key, and delete its private part."""
    from app.cli import signing_key as work

    work.retire(key)
