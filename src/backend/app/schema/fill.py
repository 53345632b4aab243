"""Add to what is derived from the log what it lacks, newest runs first, in many short transactions.

1. `open_gap` notes in `rollup_gap` that runs of any time may be missing.
2. Each chunk takes whole hours, back from the time that `rollup_gap` names, and adds to the rollups the log's
   sums less the rollup's, both read in one snapshot: exact, while others write.
3. It removes the rows of results that the runs show, which earlier versions kept twice.
4. The same transaction moves `rollup_gap` back, so an interrupted filling goes on where it stopped.
5. When no older run is left, the gap is closed.

No writer waits for it.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.models.derivation import ROLLUP_KEYS, add_up, missing
from app.models.fragments import SHOWS_RESULT

CHUNK_RUNS = 50_000  # in one transaction, so that none is long

_HAS_GAP = text("SELECT EXISTS (SELECT FROM rollup_gap)")

_OPEN = (
    text("UPDATE rollup_gap SET until = 'infinity'"),
    text("""
        INSERT INTO rollup_gap (until) SELECT 'infinity' WHERE NOT EXISTS (SELECT FROM rollup_gap)
        ON CONFLICT DO NOTHING
    """),
)

# Two fillings at once take turns, so that nothing is added twice.
_LOCK = text("SELECT FROM rollup_gap FOR UPDATE")

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
_FILL = (
    *(text(add_up(table, missing(table, _RUNS, f"bucket {_CHUNK}"))) for table in ROLLUP_KEYS),
    text("""
        UPDATE rollup_gap SET until = CAST(CAST(:since AS text) AS timestamptz) - interval '1 microsecond'
    """),
)
_HAS_SCORES = text("SELECT to_regclass('agent_run_score') IS NOT NULL")

# By `ctid`: a row that a scorer has meanwhile written, for a run that shows another one now, is left. It is
# a place within a partition, so that the run is compared as well.
REMOVE_SHOWN = text(f"""
    WITH shown AS MATERIALIZED (
        -- OFFSET keeps the planner from the index on versions, of which one may have nearly all rows.
        SELECT kept.run_id, place FROM ({_RUNS}) AS run CROSS JOIN LATERAL (
            SELECT ctid AS place, * FROM agent_run_score WHERE run_id = run.id OFFSET 0
        ) AS kept
        WHERE {SHOWS_RESULT} AND rlhf_scores ->> 'scored_at' ~ '^\\d{{4}}-\\d\\d-\\d\\dT.*Z$'
            AND (kept.scorer, kept.version, kept.dimensions, kept.reasons) = (rlhf_scores ->> 'scorer',
                rlhf_scores ->> 'version', rlhf_scores -> 'dimensions', rlhf_scores -> 'reasons')
            AND to_jsonb(kept.auto) = rlhf_scores -> 'auto'
    ), free AS (
        SELECT run_id, ctid AS place FROM agent_run_score
        WHERE ctid = ANY(ARRAY(SELECT place FROM shown)) AND (run_id, ctid) IN (SELECT * FROM shown)
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM agent_run_score
    WHERE ctid = ANY(ARRAY(SELECT place FROM free)) AND (run_id, ctid) IN (SELECT * FROM free)
""")  # noqa: S608
"""Removes the results of a chunk's runs that have rows and are shown as well."""

_CLOSE = text("DELETE FROM rollup_gap WHERE until = '-infinity'")


async def has_gap(connection: AsyncConnection) -> bool:
    """Whether runs may be missing from the rollups."""
    return bool(await connection.scalar(_HAS_GAP))


async def open_gap(connection: AsyncConnection) -> None:
    """Have everything filled again."""
    for statement in _OPEN:
        await connection.execute(statement)


async def fill(engine: AsyncEngine) -> None:
    """Close the gap. Transactions of `engine` must be READ COMMITTED. Raises SQLAlchemy's errors."""
    unfinished = True
    while unfinished:
        async with engine.begin() as connection:
            unfinished = await fill_chunk(connection)


async def fill_chunk(connection: AsyncConnection) -> bool:
    """Add what is missing of the newest runs not yet compared; False when there are none."""
    await connection.execute(_LOCK)
    since = await connection.scalar(_SINCE, {"runs": CHUNK_RUNS})
    if since is None:
        return False
    if await connection.scalar(_HAS_SCORES):
        await connection.execute(REMOVE_SHOWN, {"since": since})
    for statement in _FILL:
        await connection.execute(statement, {"since": since})
    await connection.execute(_CLOSE)
    return True
