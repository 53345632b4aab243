"""`runlog schema`: create, repair, check or print the tables."""

import asyncio

import typer

from app.config import get_settings
from app.schema import sync as schema_sync

app = typer.Typer(no_args_is_help=True, help="Create, repair, check or print tables and triggers.")


def _url() -> str:
    return get_settings().require_database_url()


@app.command()
def sync() -> None:
    """Create or repair the tables, without blocking writers."""
    done = asyncio.run(schema_sync.sync_schema(_url()))
    for action in done or ["nothing to do: the schema is up to date"]:
        typer.echo(action)


@app.command()
def check() -> None:
    """Report every difference from the schema, one a line; exit 1 when there is any."""
    drift = asyncio.run(schema_sync.find_drift(_url()))
    for difference in drift:
        typer.echo(difference)
    if drift:
        raise typer.Exit(1)


@app.command("print")
def print_() -> None:
    """Print the DDL of a fresh database; needs no connection."""
    typer.echo(schema_sync.schema_sql())


@app.command("rebuild-state")
def rebuild_state() -> None:
    """Rebuild states and rollups from the log; runs may keep coming in."""
    agents = asyncio.run(schema_sync.rebuild_state(_url()))
    typer.echo(f"rebuilt the state of {agents} agents")
