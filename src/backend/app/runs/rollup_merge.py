"""Merge the rows that each backend keeps of its own in the rollups, and delete those no window reaches."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.derivation import ROLLUP_KEYS, add_up
from app.models.run_rollup import AGENTS_KEPT, HOUR, MERGED, MINUTES_KEPT

# Rows that no window reaches.
_OLD = {
    "run_rollup": f"width < {HOUR} AND bucket <= now() - interval '{MINUTES_KEPT}'",
    "agent_rollup": f"bucket <= now() - interval '{AGENTS_KEPT}'",
}

# Rows of backends that have ended, and, after two hours, of the others.
_APART = f"""shard > {MERGED} AND (
    bucket < now() - interval '2 hours' OR shard NOT IN (SELECT pid FROM pg_stat_activity WHERE pid > 0))"""  # noqa: S608


def _take(table: str, condition: str) -> str:
    keys = f"{ROLLUP_KEYS[table]}, shard"
    return f"""DELETE FROM {table} WHERE ({keys}) IN (
        SELECT {keys} FROM {table} WHERE {condition} FOR UPDATE SKIP LOCKED
    )"""  # noqa: S608


def _merge(table: str) -> str:
    taken = _take(table, _APART)
    return f"WITH taken AS ({taken} RETURNING *) {add_up(table, 'SELECT * FROM taken')}"  # noqa: S608


_STATEMENTS = [
    *(text(_take(table, condition)) for table, condition in _OLD.items()),
    *(text(_merge(table)) for table in ROLLUP_KEYS),
]


async def merge_rollups(session: AsyncSession) -> None:
    """Keep the rollups small. Rows that another transaction has locked are left to the next call."""
    for statement in _STATEMENTS:
        await session.execute(statement)
