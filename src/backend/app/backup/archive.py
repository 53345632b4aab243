"""A backup's file, in the custom format of `pg_dump`, and what its head says of it."""

import re
from dataclasses import dataclass
from pathlib import Path

from app.backup.tools import Tools, run
from app.errors import BackupError
from app.models.partitions import DEFAULT

_MAGIC = b"PGDMP"
_OF_SERVER = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)
_OF_TOOL = re.compile(r"^;\s+Dumped by pg_dump version: (\d+)", re.MULTILINE)
_LOG = re.compile(rf"^\d+; \d+ \d+ TABLE DATA \S+ agent_run_log(_{DEFAULT})? ", re.MULTILINE)


@dataclass(frozen=True)
class Archive:
    """A backup at `path`, made from a server of major version `server` by a `pg_dump` of `tool`."""

    path: Path
    server: int
    tool: int


def read_archive(path: Path, tools: Tools) -> Archive:
    """What is in the backup at `path`. Raises `BackupError` where it is none, or not whole."""
    try:
        with path.open("rb") as file:
            begins_well = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise BackupError(f"cannot read {path}: {error.strerror}") from error
    if not begins_well:
        raise BackupError(f"{path} is no backup: neither of `runlog backup` nor of `pg_dump -F custom`")
    listed = run([tools.path("pg_restore"), "--list", path]).stdout.decode("utf-8", "replace")
    server, tool = _OF_SERVER.search(listed), _OF_TOOL.search(listed)
    if not server or not tool or not _LOG.search(listed):
        raise BackupError(f"{path} holds no table agent_run_log")
    return Archive(path, int(server[1]), int(tool[1]))
