"""The Auditor's heartbeat, as the tests need it."""

from datetime import timedelta

import asyncpg


async def record_cycles(
    db: asyncpg.Connection, *, ago: timedelta, every: timedelta = timedelta(hours=1), count: int = 1
) -> None:
    """`count` cycles of the Auditor, the newest `ago` before the database's now, `every` before the next."""
    await db.execute(
        """
        INSERT INTO audit_cycle (ended_at)
        SELECT clock_timestamp() - $1::interval - i * $2::interval FROM generate_series(0, $3 - 1) i
        """,
        ago,
        every,
        count,
    )
