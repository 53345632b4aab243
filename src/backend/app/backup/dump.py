"""Back up a database while it is in use: one file, of one moment."""

import os
from datetime import UTC, datetime
from pathlib import Path

from app.backup.archive import read_archive
from app.backup.contents import has_log, server_major
from app.backup.tools import Database, find_tools, run
from app.errors import BackupError


def back_up(url: str, destination: Path, *, embedded: bool) -> Path:
    """Write the database at `url` to the file `destination`, or one named by the time in that directory.

    1. Find the tools that fit the server.
    2. `pg_dump` writes a new file, which only we may read, all from one snapshot: it blocks no writer.
    3. Read its table of contents, and have the disk store it.
    4. Give it its name. No file is overwritten, and an interrupted backup leaves none of that name.

    Returns its path. Raises `BackupError`, and `DatabaseError` where the database is away.
    """
    path = _free(_file(destination))
    major = server_major(url)
    if not has_log(url):
        raise BackupError("the database has no table agent_run_log: there is nothing to back up")
    tools = find_tools(major, embedded=embedded)
    database = Database.at(url, embedded=embedded)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            run([tools.path("pg_dump"), "-F", "custom", "-f", part, "--dbname", database.url], database)
            read_archive(part, tools)
            _store(part)
            part.rename(_free(path))
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"cannot write {path}: {error.strerror}") from error
    return path


def _file(destination: Path) -> Path:
    if destination.is_dir():
        return destination / f"runlog-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    return destination


def _free(path: Path) -> Path:
    if path.exists():
        raise BackupError(f"{path} is there already: give another name, or a directory, for a new file in it")
    return path


def _store(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
