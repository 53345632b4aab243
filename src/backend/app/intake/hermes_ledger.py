"""Reading Hermes' ledger of executions, read-only."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from app.errors import InputFileError
from app.intake.openclaw_history import open_read_only

LEDGER = Path("cron") / "executions.db"
"""Of the directory of a profile, `~/.hermes` for the default one."""


def read_ledger(source: str) -> list[dict[str, Any]]:
    """The rows of the ledger, the oldest first, in whatever columns its version has.

    Raises `InputFileError` where the file cannot be read or is no ledger.
    """
    path = Path(source).expanduser()
    path = path / LEDGER if path.is_dir() else path
    try:
        path.stat()
        with closing(open_read_only(path)) as connection:
            connection.row_factory = sqlite3.Row
            return [
                dict(row) for row in connection.execute("SELECT * FROM executions ORDER BY claimed_at, id")
            ]
    except OSError as error:
        raise InputFileError(f"{source}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise InputFileError(f"{source}: this is no ledger of Hermes' executions: {error}") from error
