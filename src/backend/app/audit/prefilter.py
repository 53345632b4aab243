"""What shows most agents to be well without loading their histories: a few figures of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.domain.history import ReportedRun
from app.audit.domain.quality import QualityTrend
from app.audit.quality import quality_trends, waiting_runs
from app.kit.sql import is_silent_text
from app.runs.usage import Usage

# A run may be unusual by what it took only if that is some times what each of the few before took.
_STANDS_OUT = " OR ".join(f"{name} > :usage_factor * earlier_{name}" for name in Usage._fields)
_EARLIER = ", ".join(f"coalesce(max({name}) OVER earlier, 0) AS earlier_{name}" for name in Usage._fields)

# The array keeps the planner to the index on agent and time; which runs are seen is what `well_dated` says.
_NEWEST = """
            WHERE run.agent_id = ANY (ARRAY[agents.agent_id])
                AND created_at >= 'epoch' AND created_at < now() + interval '1 day'
            ORDER BY run.agent_id, created_at DESC
            LIMIT :depth
"""

# An agent is sound whose newest runs are as many as the prefilter reads, none failed, some succeeded, none
# came together, fewer are silent than a rule needs, and none stands out by what it took: no rule about runs
# suspects it then. It is recent if less time has passed since the newest than lies between any two of them:
# no rule about cadences suspects it. Runs that a narrower rule counted, stored by an earlier version, are
# judged again: of a streak, or of every second run, one of the newest two is silent.
_SNAPSHOTS = text(f"""
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
    newest.runs = :depth AND newest.alright AND newest.together = 0
        AND newest.silences < :silence_streak AND newest.silent < :fewest_silent
        AND newest.uncounted IS NOT TRUE AND usage.stands_out IS NOT TRUE AS sound,
    :now - newest.last_created_at < newest.shortest_gap AS recent,
    CASE WHEN agents.agent_id IN (SELECT unnest(CAST(:declared AS text[]))) THEN newest.reports END,
    usage.stands_out
FROM agents CROSS JOIN LATERAL (
    SELECT
        count(*) AS runs,
        bool_and(status <> 'failed') AND bool_or(status <> 'partial') AS alright,
        count(*) FILTER (WHERE created_at - earlier <= CAST(:together AS interval)) AS together,
        max(consecutive_silence_count) AS silences,
        count(*) FILTER (WHERE consecutive_silence_count > 0) AS silent,
        bool_or(uncounted) AS uncounted,
        max(created_at) AS last_created_at,
        min(created_at - earlier) AS shortest_gap,
        array_agg(created_at ORDER BY created_at DESC) AS reports
    FROM (
        SELECT
            status,
            consecutive_silence_count,
            CASE WHEN consecutive_silence_count = 0 AND row_number() OVER newest_first <= 2
                THEN {is_silent_text("run")}
            END AS uncounted,
            created_at,
            lead(created_at) OVER newest_first AS earlier
        FROM (
            SELECT
                status,
                consecutive_silence_count,
                action_summary,
                actions_taken,
                created_at
            FROM agent_run_log AS run
            {_NEWEST}
        ) AS run
        WINDOW newest_first AS (ORDER BY created_at DESC)
    ) AS run
) AS newest CROSS JOIN LATERAL (
    SELECT bool_or(recent AND ({_STANDS_OUT})) AS stands_out
    FROM (
        SELECT seconds, tokens, cost_usd,
            created_at >= max(created_at) OVER () - CAST(:looked_back AS interval) AS recent,
            {_EARLIER}
        FROM (
            SELECT created_at, seconds, tokens, cost_usd
            FROM agent_run_usage AS run
            {_NEWEST}
        ) AS run
        WINDOW earlier AS (ORDER BY created_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS run
) AS usage
WHERE agents.agent_id IS NOT NULL
""").bindparams(bindparam("now", type_=DateTime(timezone=True)))  # noqa: S608


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An agent by its newest runs.

    It is `sound` if no rule about runs suspects it, and `well` if no rule about learned cadences does either.
    `reports` are the times of these runs, newest first, of a declared agent alone. `usage_stands_out` is
    whether what the newest took may be unusual.
    """

    sound: bool
    well: bool
    reports: Sequence[datetime] | None
    usage_stands_out: bool


@dataclass(frozen=True, slots=True)
class Prefiltered:
    """What the prefilter read: a snapshot of each agent that ever reported, and what there is of scores.

    `trends` are of agents whose scores may have dropped, `waiting` are runs that have waited too long for
    theirs.
    """

    snapshots: Mapping[str, Snapshot]
    trends: Mapping[str, QualityTrend]
    waiting: Mapping[str, tuple[ReportedRun, ...]]


async def prefilter(
    session: AsyncSession,
    now: datetime,
    *,
    depth: int,
    silence_streak: int,
    declared: Collection[str],
    drops_open: Collection[str],
) -> Prefiltered:
    """Read a few figures of each agent: of its newest `depth` runs, of its scores, and of runs without one.

    `drops_open` are the agents whose drop in quality is an open finding: their scores are read in any case.
    """
    parameters = {
        "now": now,
        "depth": depth,
        "silence_streak": silence_streak,
        "fewest_silent": min(silence_streak, calibration.PREFILTER_DEPTH // 2),
        "together": calibration.TWICE_WITHIN,
        "declared": list(declared),
        "usage_factor": calibration.USAGE_FACTOR,
        "looked_back": calibration.USAGE_LOOKED_BACK,
    }
    snapshots = {
        agent_id: Snapshot(bool(sound), bool(sound and recent), reports, bool(stands_out))
        for agent_id, sound, recent, reports, stands_out in await session.execute(_SNAPSHOTS, parameters)
    }
    trends = await quality_trends(session, now, snapshots.keys(), drops_open=drops_open)
    return Prefiltered(snapshots, trends, await waiting_runs(session, now))
