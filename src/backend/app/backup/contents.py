"""What a database is and holds, before and after it is restored."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text

from app.db.engine import create_engine
from app.db.plain_errors import plain_errors

_TIMEOUT = 3600.0  # seconds, to count the runs

_MAJOR = text("SELECT current_setting('server_version_num')::int / 10000")
_HAS_LOG = text("SELECT to_regclass('agent_run_log') IS NOT NULL")
_COUNTS = text("SELECT count(*) AS runs, count(DISTINCT agent_id) AS agents FROM agent_run_log")
_ROLES = text("SELECT array_agg(CAST(rolname AS text)) FROM pg_roles")


@dataclass(frozen=True)
class Contents:
    """How much is in the log."""

    runs: int
    agents: int


def server_major(url: str) -> int:
    """The major version of the server. Raises `DatabaseError`."""
    return int(_row(url, _MAJOR)[0])


def has_log(url: str) -> bool:
    """Whether there is a table of runs. Raises `DatabaseError`."""
    return bool(_row(url, _HAS_LOG)[0])


def roles(url: str) -> frozenset[str]:
    """The roles of the server. Raises `DatabaseError`."""
    return frozenset(_row(url, _ROLES)[0])


def count(url: str) -> Contents:
    """How much is in the log now. Raises `DatabaseError`."""
    row = _row(url, _COUNTS)
    return Contents(row.runs, row.agents)


def _row(url: str, statement: TextClause) -> Row[Any]:
    async def ask() -> Row[Any]:
        engine = create_engine(url, pool_size=1, timeout=_TIMEOUT)
        try:
            async with engine.connect() as connection:
                return (await connection.execute(statement)).one()
        finally:
            await engine.dispose()

    with plain_errors():
        return asyncio.run(ask())
