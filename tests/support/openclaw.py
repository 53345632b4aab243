"""What a real gateway of OpenClaw sent and stored: bodies of its requests, JSON of its commands, rows."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "openclaw"
SQLITE_TABLES = {
    "cron_jobs": "sqlite-cron_jobs.json",
    "cron_run_receipts": "sqlite-cron_run_receipts.json",
    "task_runs": "sqlite-task_runs-cron.json",
}


def body(name: str) -> Any:
    """The JSON in the file of this name, without its ending."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def make_database(path: Path) -> Path:
    """The gateway's database, in WAL, as it was read from the running gateway."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.executescript((DATA / "sqlite-schema.sql").read_text(encoding="utf-8"))
        for table, name in SQLITE_TABLES.items():
            rows = json.loads((DATA / name).read_text(encoding="utf-8"))
            for row in rows:
                places = ", ".join("?" * len(row))
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608
                    list(row.values()),
                )
        connection.commit()
    return path
