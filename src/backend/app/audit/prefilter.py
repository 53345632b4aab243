"""A glance at every agent, by which most are seen to be well without reading their runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

# An agent is calm whose newest runs are as many as a first look takes, none failed, and not all are silent:
# no rule that goes by runs suspects it then. It is well if it has been quiet for less than the shortest
# time between two of them besides: no rule that goes by habit does. The array keeps the planner to the
# index on agent and time; which runs are seen is what `WELL_DATED` says.
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
    newest.runs = :depth AND NOT newest.failed AND newest.silences < :silence_streak AS calm,
    :now - newest.last_created_at < newest.shortest_gap AS recent,
    CASE WHEN declared.agent_id IS NOT NULL THEN newest.reports END AS reports
FROM agents LEFT JOIN agent AS declared ON declared.agent_id = agents.agent_id CROSS JOIN LATERAL (
    SELECT
        count(*) AS runs,
        bool_or(status = 'failed') AS failed,
        max(consecutive_silence_count) AS silences,
        max(created_at) AS last_created_at,
        min(created_at - earlier) AS shortest_gap,
        array_agg(created_at ORDER BY created_at DESC) AS reports
    FROM (
        SELECT status, consecutive_silence_count, created_at, lead(created_at) OVER newest_first AS earlier
        FROM (
            SELECT status, consecutive_silence_count, created_at
            FROM agent_run_log AS run
            WHERE run.agent_id = ANY (ARRAY[agents.agent_id])
                AND created_at >= 'epoch' AND created_at < now() + interval '1 day'
            ORDER BY run.agent_id, created_at DESC
            LIMIT :depth
        ) AS run
        WINDOW newest_first AS (ORDER BY created_at DESC)
    ) AS run
) AS newest
WHERE agents.agent_id IS NOT NULL
""").bindparams(bindparam("now", type_=DateTime(timezone=True)))


@dataclass(frozen=True, slots=True)
class Glimpse:
    """An agent by its newest runs: whether these are calm, and it is well, without a declared schedule.

    `reports` are their times, newest first, of a declared agent alone.
    """

    calm: bool
    well: bool
    reports: Sequence[datetime] | None


async def glance(
    session: AsyncSession, now: datetime, *, depth: int, silence_streak: int
) -> Mapping[str, Glimpse]:
    """Every agent that ever reported, by its newest `depth` runs. Its scores are not looked at."""
    found = await session.execute(_GLANCE, {"now": now, "depth": depth, "silence_streak": silence_streak})
    return {
        agent_id: Glimpse(bool(calm), bool(calm and recent), reports)
        for agent_id, calm, recent, reports in found
    }
