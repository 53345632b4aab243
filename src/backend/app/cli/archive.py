"""`runlog archive`."""

import asyncio
from datetime import timedelta
from pathlib import Path

import typer

from app.archive.archiving import archive as archive_months
from app.archive.restoring import restore_month
from app.config import get_settings
from app.kit.text import counted


def archive(before: str, to: Path) -> None:
    """Archive the months before `before`, and print each. Raises `ArchiveError` or `DatabaseError`."""
    settings = get_settings()
    kept = timedelta(days=settings.idempotency_days)  # a report that comes again looks for its run

    async def run() -> int:
        months = 0
        async for archived in archive_months(
            settings.require_schema_url(),
            before=before,
            to=to,
            keep_days=kept.days,
            is_direct=settings.schema_database_url is not None,
        ):
            typer.echo(f"{archived.month}: {counted(archived.runs, 'run')} in {archived.file}")
            months += 1
        return months

    if not asyncio.run(run()):
        typer.echo("nothing to do: there is no such month that is not archived")


def restore(file: Path) -> None:
    """Restore a month, and print it. Raises `ArchiveError` or `DatabaseError`."""
    settings = get_settings()
    given = settings.schema_database_url is not None
    returned = asyncio.run(restore_month(settings.require_schema_url(), file, is_direct=given))
    typer.echo(f"{returned.month}: {counted(returned.runs, 'run')} are in the log again")
