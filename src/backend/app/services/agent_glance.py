"""A glance at every agent, by which most are seen to be well without reading their runs."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

# An agent is well whose newest runs are as many as a first look takes, none failed, not all are silent,
# and that has been quiet for less than the shortest time between two of them: no rule that goes by runs
# or by habit suspects it then. The array keeps the planner to the index on agent and time.
_GLANCE = text("""
WITH RECURSIVE agents AS (
    (SELECT agent_id FROM agent_run_log ORDER BY agent_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT agent_id FROM agent_run_log AS run
        WHERE run.agent_id > agents.agent_id ORDER BY run.agent_id LIMIT 1
    )
    FROM agents WHERE agents.agent_id IS NOT NULL
)
SELECT
    agents.agent_id,
    newest.runs = :depth AND NOT newest.failed AND newest.silences < :silence_streak
        AND :now - newest.last_created_at < newest.shortest_gap AS well
FROM agents CROSS JOIN LATERAL (
    SELECT
        count(*) AS runs,
        bool_or(status = 'failed') AS failed,
        max(consecutive_silence_count) AS silences,
        max(created_at) AS last_created_at,
        min(created_at - earlier) AS shortest_gap
    FROM (
        SELECT status, consecutive_silence_count, created_at, lead(created_at) OVER newest_first AS earlier
        FROM (
            SELECT status, consecutive_silence_count, created_at
            FROM agent_run_log AS run
            WHERE run.agent_id = ANY (ARRAY[agents.agent_id]) AND created_at IS NOT NULL
            ORDER BY run.agent_id, created_at DESC
            LIMIT :depth
        ) AS run
        WINDOW newest_first AS (ORDER BY created_at DESC)
    ) AS run
) AS newest
WHERE agents.agent_id IS NOT NULL
""").bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def glance(
    session: AsyncSession, now: datetime, *, depth: int, silence_streak: int
) -> Mapping[str, bool]:
    """Every agent that ever reported, and whether it is well by its newest `depth` runs.

    What is declared of it is not looked at, nor are its scores.
    """
    found = await session.execute(_GLANCE, {"now": now, "depth": depth, "silence_streak": silence_streak})
    return {agent_id: bool(well) for agent_id, well in found}
