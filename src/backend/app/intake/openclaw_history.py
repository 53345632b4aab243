"""Reading OpenClaw's history from files: JSON of its commands and calls, and its database, read-only."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.errors import InputFileError
from app.intake.domain.openclaw.history import History, entries_of_receipts, entries_of_tasks
from app.kit import strict_json

STDIN = "-"
DATABASE = Path("state") / "openclaw.sqlite"
"""Of a gateway's own directory, `~/.openclaw`."""

_SQLITE = b"SQLite format 3\0"
_BUSY_SECONDS = 10.0  # how long a gateway may keep its database to itself
_TABLES = {
    "cron_jobs": ("job_json", "state_json", "agent_id", "declaration_key"),
    "task_runs": (
        *("runtime", "source_id", "agent_id", "child_session_key", "label", "status", "started_at"),
        *("ended_at", "error", "terminal_summary", "detail_json"),
    ),
    "cron_run_receipts": ("job_id", "agent_id", "status", "started_at_ms", "finished_at_ms", "error_text"),
}
"""What is read of each table; columns that a version of OpenClaw lacks are nothing."""


def read_history(sources: list[str]) -> History:
    """What the files hold: JSON, JSON lines (`.jsonl`), a database, a gateway's directory, `-` for stdin.

    Raises `InputFileError` naming the one that cannot be read or holds nothing of OpenClaw's.
    """
    history = History()
    for source in sources:
        try:
            _read(source, history)
        except OSError as error:
            raise InputFileError(f"{source}: {error.strerror or error}") from error
        except (strict_json.StrictJSONError, sqlite3.Error) as error:
            raise InputFileError(f"{source}: {error}") from error
    return history


def _read(source: str, history: History) -> None:
    path = Path(source).expanduser()
    if source != STDIN and path.is_dir():
        path = path / DATABASE
    if source != STDIN and _is_database(path):
        read_database(path, history)
        return
    data = sys.stdin.buffer.read() if source == STDIN else path.read_bytes()
    is_lines = path.suffix == ".jsonl"
    document = [strict_json.loads(line) for line in data.splitlines() if line] if is_lines else None
    if not history.add(strict_json.loads(data) if document is None else document):
        raise InputFileError(
            f"{source}: this holds no jobs and no runs of OpenClaw: give the JSON of"
            " `openclaw cron list --json` or `openclaw cron runs`, or its database"
        )


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def read_database(path: Path, history: History) -> None:
    """Gather the jobs and runs of a gateway's database at one moment, without writing to it."""
    with closing(open_read_only(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        jobs = [_job(row) for row in _rows(connection, "cron_jobs")]
        tasks = [row for row in _rows(connection, "task_runs") if row["runtime"] == "cron"]
        receipts = list(_rows(connection, "cron_run_receipts"))
    if not (jobs or tasks or receipts) and not _has_tables(path):
        raise InputFileError(f"{path}: this database has none of OpenClaw's tables")
    history.jobs += jobs
    history.entries += entries_of_tasks(tasks)
    history.entries += entries_of_receipts(receipts)


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that makes no file beside the database: without a log of writes no gateway has it open."""
    mode = "ro" if Path(f"{path}-wal").exists() else "ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_SECONDS)


def _has_tables(path: Path) -> bool:
    with closing(open_read_only(path)) as connection:
        return any(_columns(connection, table) for table in _TABLES)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    wanted = _TABLES[table]
    there = _columns(connection, table)
    columns = [name for name in wanted if name in there]
    if not columns:
        return
    for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608  # names of our own
        read: dict[str, Any] = dict.fromkeys(wanted)
        for name in columns:
            value = row[name]
            read[name] = _json(value) if name.endswith("_json") else value
        yield read


def _job(row: dict[str, Any]) -> dict[str, Any]:
    """A job as lists have it: its state stands in a column of its own."""
    job = row["job_json"] if isinstance(row["job_json"], dict) else {}
    beside = {
        "agentId": row["agent_id"],
        "declarationKey": row["declaration_key"],
        "state": row["state_json"],
    }
    return job | {name: value for name, value in beside.items() if value}


def _json(value: Any) -> Any:
    if not isinstance(value, str | bytes):
        return None
    try:
        return strict_json.loads(value.encode() if isinstance(value, str) else value)
    except (strict_json.StrictJSONError, UnicodeEncodeError):
        return None
