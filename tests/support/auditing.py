"""The Auditor's heartbeat and what it judges, as the tests need them."""

from datetime import UTC, datetime, timedelta

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


async def add_runs(
    db: asyncpg.Connection, agent: str, *statuses: str, every: timedelta, newest: timedelta
) -> None:
    """Insert runs of the past: `statuses` oldest first, `every` apart, the last `newest` ago."""
    now = datetime.now(UTC)
    moments = [now - newest - every * back for back in reversed(range(len(statuses)))]
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, status, created_at) VALUES ($1, $2, $3)",
        [(agent, status, moment) for status, moment in zip(statuses, moments, strict=True)],
    )
