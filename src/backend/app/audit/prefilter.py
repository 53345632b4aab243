"""What shows most agents to be well without loading their histories: a few figures of each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cadence.calibration import PREFILTER_DEPTH
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
# suspects it then. It is recent until as much time has passed since the newest as lies between any two of
# them: no rule about cadences suspects it. Runs that a narrower rule counted, stored by an earlier version,
# are judged again: of a streak, or of every second run, one of the newest two is silent.
_SNAPSHOTS = text(f"""
SELECT
    agents.agent_id,
    newest.runs = :depth AND newest.alright AND newest.together = 0
        AND newest.silences < :silence_streak AND newest.silent < :fewest_silent
        AND newest.uncounted IS NOT TRUE AND usage.stands_out IS NOT TRUE AS sound,
    newest.last_created_at + newest.shortest_gap AS recent_until,
    CASE WHEN agents.agent_id IN (SELECT unnest(CAST(:declared AS text[]))) THEN newest.reports END,
    usage.stands_out,
    newest.waits
FROM unnest(:agent_ids) AS agents (agent_id) CROSS JOIN LATERAL (
    SELECT
        count(*) AS runs,
        bool_and(status <> 'failed') AND bool_or(status <> 'partial') AS alright,
        count(*) FILTER (WHERE created_at - earlier <= CAST(:together AS interval)) AS together,
        max(consecutive_silence_count) AS silences,
        count(*) FILTER (WHERE consecutive_silence_count > 0) AS silent,
        bool_or(uncounted) AS uncounted,
        bool_or(unscored) AS waits,
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
            unscored,
            created_at,
            lead(created_at) OVER newest_first AS earlier
        FROM (
            SELECT
                status,
                consecutive_silence_count,
                action_summary,
                actions_taken,
                rlhf_scores IS NULL AS unscored,
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
""").bindparams(bindparam("agent_ids", type_=ARRAY(String)))  # noqa: S608


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An agent by its newest runs.

    It is `sound` if no rule about runs suspects it, and then no rule about learned cadences does before
    `recent_until`, None for an agent with a run or less. `reports` are the times of these runs, newest first,
    of a declared agent alone. `usage_stands_out` is whether what the newest took may be unusual, and
    `awaits_score` whether one of them has none.
    """

    sound: bool
    recent_until: datetime | None
    reports: Sequence[datetime] | None
    usage_stands_out: bool
    awaits_score: bool

    def well_until(self, now: datetime) -> datetime | None:
        """Until when no rule suspects it that is not declared; None where one may now."""
        is_recent = self.recent_until is not None and now < self.recent_until
        return self.recent_until if self.sound and is_recent else None


async def prefilter(
    session: AsyncSession,
    agent_ids: Sequence[str],
    *,
    depth: int,
    silence_streak: int,
    declared: Collection[str],
) -> dict[str, Snapshot]:
    """A few figures of each of the agents, by its newest `depth` runs; where it has none, by none."""
    parameters = {
        "agent_ids": list(agent_ids),
        "depth": depth,
        "silence_streak": silence_streak,
        "fewest_silent": min(silence_streak, PREFILTER_DEPTH // 2),
        "together": calibration.TWICE_WITHIN,
        "declared": list(declared),
        "usage_factor": calibration.USAGE_FACTOR,
        "looked_back": calibration.USAGE_LOOKED_BACK,
    }
    return {
        agent_id: Snapshot(bool(sound), recent_until, reports, bool(stands_out), bool(waits))
        for agent_id, sound, recent_until, reports, stands_out, waits in await session.execute(
            _SNAPSHOTS, parameters
        )
    }
