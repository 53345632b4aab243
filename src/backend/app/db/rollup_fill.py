"""Fill the rollups from the log, newest runs first, in many short transactions.

`rollup_gap` says how far it has come, so that what was interrupted can be finished.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models.derivation import count_runs, count_scores

CHUNK_RUNS = 50_000

_HAS_GAP = text("SELECT EXISTS (SELECT FROM rollup_gap)")

# Nobody has an uncommitted change of the rollups then, and whoever changes the log from now on waits
# with his own. So what a snapshot taken after this shows of the log is exactly what is to be counted.
_LOCK = text("LOCK TABLE run_rollup, agent_rollup IN SHARE ROW EXCLUSIVE MODE")

_OPEN = (text("DELETE FROM rollup_gap"), text("INSERT INTO rollup_gap (until) VALUES ('infinity')"))

# Whole hours, back to where the chunk is full: one at least, so an hour of very many runs goes alone.
_SINCE = text("""
    SELECT CAST(CASE
        WHEN full_at IS NULL THEN '-infinity'
        ELSE least(
            date_bin('1 hour', full_at, '2000-01-01 00:00Z') + interval '1 hour',
            date_bin('1 hour', until, '2000-01-01 00:00Z')
        ) END AS text)
    FROM rollup_gap LEFT JOIN LATERAL (
        SELECT created_at AS full_at FROM agent_run_log
        WHERE created_at <= until AND created_at < 'infinity'
        ORDER BY created_at DESC
        OFFSET :runs LIMIT 1
    ) AS chunk ON true
""")

_CHUNK = "BETWEEN CAST(CAST(:since AS text) AS timestamptz) AND (SELECT until FROM rollup_gap)"
_RUNS = f"SELECT 1 AS sign, * FROM agent_run_log WHERE created_at {_CHUNK}"  # noqa: S608
_COUNT = (
    text(f"DELETE FROM run_rollup WHERE bucket {_CHUNK}"),  # noqa: S608
    text(f"DELETE FROM agent_rollup WHERE bucket {_CHUNK}"),  # noqa: S608
    text(count_runs(_RUNS)),
    text(count_scores(_RUNS)),
    text("""
        UPDATE rollup_gap SET until = CAST(CAST(:since AS text) AS timestamptz) - interval '1 microsecond'
    """),
)
_CLOSE = text("DELETE FROM rollup_gap WHERE until = '-infinity'")


async def has_gap(connection: AsyncConnection) -> bool:
    """Whether runs may be missing from the rollups."""
    return bool(await connection.scalar(_HAS_GAP))


async def open_gap(connection: AsyncConnection) -> None:
    """Let everything be filled anew."""
    for statement in _OPEN:
        await connection.execute(statement)


async def fill_chunk(connection: AsyncConnection) -> bool:
    """Count the newest runs that are not filled in yet; False when there are none.

    Whoever changes the log waits until the connection's transaction ends, which must be READ COMMITTED.
    """
    await connection.execute(_LOCK)
    since = await connection.scalar(_SINCE, {"runs": CHUNK_RUNS})
    if since is None:
        return False
    for statement in _COUNT:
        await connection.execute(statement, {"since": since})
    await connection.execute(_CLOSE)
    return True
