"""`runlog backup` and `restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from app.backup.contents import Contents
from app.backup.dump import back_up
from app.backup.restore import restore as restore_backup
from app.cli.sizes import in_bytes
from app.config import get_settings
from app.embedded.data_dir import DataDirectory
from app.embedded.parts import read_parts
from app.embedded.postgres import Postgres
from app.environment import is_given, one_data_dir, read_runtime
from app.errors import BackupError
from app.kit.text import counted


@dataclass(frozen=True)
class _Source:
    url: str
    embedded: bool


def backup(to: Path, data_dir: Path | None) -> None:
    """Back the database up, and print where to and how much. Raises `BackupError` or `DatabaseError`."""
    with _database(data_dir, make=False) as database:
        path = back_up(database.url, to, embedded=database.embedded)
    typer.echo(f"backed up to {path} ({in_bytes(path.stat().st_size)})")


def restore(file: Path, data_dir: Path | None, replace: bool) -> None:
    """Restore `file`, and print what came of it; raises `typer.Exit` where the check finds anything.

    Raises `BackupError`, `DatabaseError` or `SchemaError`.
    """
    with _database(data_dir, make=True) as database:
        restored = restore_backup(database.url, file, embedded=database.embedded, replace=replace)
    for action in restored.synchronised:
        typer.echo(action)
    if restored.roles_missing:
        typer.echo(
            f"runlog: rights were not restored, for there is no role {', '.join(restored.roles_missing)}",
            err=True,
        )
    typer.echo(f"restored {_in_words(restored.contents)}")
    for difference in restored.differences:
        typer.echo(difference)
    if restored.differences:
        raise typer.Exit(1)
    typer.echo("the schema and the figures agree with the log")


def _in_words(contents: Contents) -> str:
    return f"{counted(contents.runs, 'run')} of {counted(contents.agents, 'agent')}"


@contextmanager
def _database(data_dir: Path | None, *, make: bool) -> Iterator[_Source]:
    """The database of `DATABASE_URL`, else that of the `runlog up` on the directory.

    Where that does not run, its PostgreSQL runs for the time of the block: on a new directory with `make`.
    """
    if data_dir is None and is_given("database_url"):
        yield _Source(get_settings().require_schema_url(), embedded=False)
        return
    directory = DataDirectory(one_data_dir(data_dir))
    if directory.holder() is None:
        if not make and not (directory.path / "postgres" / "data").exists():
            raise BackupError(f"there is no database in {directory.path}, and DATABASE_URL is not set")
        with directory.locked():
            postgres = Postgres(directory.path / "postgres", **directory.server_state("postgres"))
            postgres.start()
            try:
                yield _Source(postgres.url, embedded=True)
            finally:
                postgres.stop()
        return
    runtime, published = read_runtime(directory.path), read_parts(directory.path)
    if not runtime or not published:
        raise BackupError(f"the `runlog up` on {directory.path} is starting: try again when it is ready")
    own = any(part.name == Postgres.name for part in published.parts)
    yield _Source(runtime["database_url"], embedded=own)
