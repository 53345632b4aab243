"""`runlog schema`: create, repair, check or print the tables."""

import typer

app = typer.Typer(no_args_is_help=True, help="Create, repair, check or print tables and triggers.")


@app.command()
def sync() -> None:
    """Create or repair the tables, without blocking writers."""
    from app.cli import schema as work

    work.sync()


@app.command()
def check() -> None:
    """Report every difference from the schema, one a line; exit 1 when there is any."""
    from app.cli import schema as work

    work.check()


@app.command("print")
def print_() -> None:
    """Print the DDL of a fresh database; needs no connection."""
    from app.cli import schema as work

    work.print_()


@app.command("rebuild-state")
def rebuild_state() -> None:
    """Rebuild states and rollups from the log; runs may keep coming in."""
    from app.cli import schema as work

    work.rebuild_state()
