"""`runlog schema`: create, repair, check or print the tables."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from app.config import get_settings
from app.kit.text import counted
from app.schema import sync as schema_sync
from app.schema.partition import partition_log
from app.schema.rights import AUDITOR, OWNER, READER, WRITER
from app.schema.roles import sync_roles


def sync() -> None:
    """Create or repair the tables and print what was done."""
    _print_done(schema_sync.sync_schema, "the schema is up to date")


def check() -> None:
    """Print every difference from the schema; raises `typer.Exit` when there is any."""
    drift = asyncio.run(schema_sync.find_drift(get_settings().require_schema_url()))
    for difference in drift:
        typer.echo(difference)
    if drift:
        raise typer.Exit(1)
    # A job that runs each night has nothing to say then.
    if sys.stderr.isatty():
        typer.echo("no difference from the schema", err=True)


def print_() -> None:
    """Print the DDL."""
    typer.echo(schema_sync.schema_sql())


# A password in a statement would stay in the history of psql and in the log of the server.
_LOGINS = f"""
A process logs in by a role of its own; by psql, as who may create roles:
  CREATE ROLE runlog_service LOGIN IN ROLE {WRITER};  -- serve, worker, beat: DATABASE_URL
  CREATE ROLE runlog_pages LOGIN IN ROLE {READER};  -- RUNLOG_REPLICA_DATABASE_URL
  CREATE ROLE runlog_schema LOGIN IN ROLE {OWNER};  -- runlog schema: RUNLOG_SCHEMA_DATABASE_URL
  CREATE ROLE runlog_check LOGIN IN ROLE {AUDITOR};  -- who checks the log
and for each: \\password runlog_service"""


def roles() -> None:
    """Create or repair the roles; print what was done, and how processes get to use them."""
    _print_done(sync_roles, "the roles are as they should be")
    typer.echo(_LOGINS)


def partition() -> None:
    """Turn the log over to partitions by month and print what was done."""
    _print_done(partition_log, "the log is by months")


def _print_done(change: Callable[..., Coroutine[Any, Any, list[str]]], is_done: str) -> None:
    """Change the schema and print what that did, or that nothing was to be done because `is_done`."""
    settings = get_settings()
    given = settings.schema_database_url is not None
    done = asyncio.run(change(settings.require_schema_url(), is_direct=given))
    for action in done or [f"nothing to do: {is_done}"]:
        typer.echo(action)


def rebuild_state() -> None:
    """Rebuild what is derived from the log."""
    agents = asyncio.run(schema_sync.rebuild_state(get_settings().require_schema_url()))
    typer.echo(f"rebuilt the state of {counted(agents, 'agent')}")
