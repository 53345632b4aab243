"""What is derived from the log against the log itself, said another way than the product says it."""

from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql

from app.runs.window_sums import agent_scores_since, scores_between, successes_since

WEEK = timedelta(days=7)
SPECIFIED = """
    SELECT COUNT(*) FROM agent_run_log
    WHERE status = 'success' AND created_at >= $1 AND agent_id <> 'auditor'
"""
SCORES = """
    SELECT coalesce(sum((rlhf_scores->>'overall')::numeric), 0), count(*) FROM agent_run_log
    WHERE jsonb_typeof(rlhf_scores->'overall') = 'number' AND created_at > $1 AND created_at <= $2
        AND agent_id <> 'auditor'
"""
AGENT_SCORES = """
    SELECT agent_id, sum((rlhf_scores->>'overall')::numeric), count(*) FROM agent_run_log
    WHERE jsonb_typeof(rlhf_scores->'overall') = 'number' AND created_at >= $1
    GROUP BY agent_id ORDER BY agent_id
"""
STATE = """
    SELECT agent_id, runs, silence_count, last_created_at::text, last_success_at::text
    FROM agent_run_state ORDER BY 1
"""
DERIVED_STATE = """
    SELECT agent_id, count(*),
        coalesce((array_agg(consecutive_silence_count ORDER BY created_at DESC, id DESC)
            FILTER (WHERE created_at <= now() + interval '1 minute'))[1], 0),
        coalesce(max(created_at) FILTER (WHERE created_at <= now() + interval '1 minute'), max(run_at))::text,
        (max(created_at) FILTER (WHERE status = 'success'))::text
    FROM agent_run_log GROUP BY agent_id ORDER BY 1
"""


async def check_derived(db: asyncpg.Connection) -> None:
    """Every figure and every state is what the log says."""
    now = await db.fetchval("SELECT clock_timestamp()")
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert await _value(db, successes_since(today)) == await db.fetchval(SPECIFIED, today)
    for start, end in ((now - WEEK, now), (now - 2 * WEEK, now - WEEK), (today - WEEK, today)):
        ((overall_sum, scored),) = await _rows(db, scores_between(start, end))
        assert (overall_sum or 0, scored) == tuple(await db.fetchrow(SCORES, start, end))
    agents = [row["agent_id"] for row in await db.fetch("SELECT DISTINCT agent_id FROM agent_run_log")]
    scores = [row for row in await _rows(db, agent_scores_since(agents, now - WEEK)) if row[2]]
    assert sorted(scores) == [tuple(row) for row in await db.fetch(AGENT_SCORES, now - WEEK)]
    states, derived = await db.fetch(STATE), await db.fetch(DERIVED_STATE)
    assert [tuple(row) for row in states] == [tuple(row) for row in derived]
    assert await db.fetchval("SELECT count(*) FROM agent_run_change") == 0


async def _rows(db: asyncpg.Connection, statement: Select[Any]) -> list[tuple[Any, ...]]:
    compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return [tuple(row) for row in await db.fetch(str(compiled))]


async def _value(db: asyncpg.Connection, statement: Select[Any]) -> Any:
    ((value,),) = await _rows(db, statement)
    return value


async def rollups(db: asyncpg.Connection) -> list[list[tuple[Any, ...]]]:
    """What the rollups hold, whatever their shards."""
    fleet = """
        SELECT width, bucket::text, sum(runs), sum(succeeded), sum(scored), sum(overall_sum)
        FROM run_rollup GROUP BY width, bucket ORDER BY width, bucket
    """
    agents = """
        SELECT agent_id, bucket::text, sum(scored), sum(overall_sum), sum(overall_squares), sum(failed),
            sum(silent)
        FROM agent_rollup GROUP BY agent_id, bucket ORDER BY agent_id, bucket
    """
    versions = """
        SELECT scorer || version, bucket::text, sum(results)
        FROM score_rollup GROUP BY scorer, version, bucket ORDER BY scorer, version, bucket
    """
    kept = [await db.fetch(statement) for statement in (fleet, agents, versions)]
    return [[tuple(row) for row in rows if any(row[2:])] for rows in kept]
