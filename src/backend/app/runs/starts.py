"""Runs that are under way: recording that one started, and clearing away those that have ended.

A run with a key ends when a run of its agent with this key is recorded. One without a key ends with the
agent's next run; so does one with a key while no run of the agent was ever recorded with the key of its
start, as the reports may have none. Recording runs takes no part in it: it is looked up when starts are read.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, String, and_, bindparam, delete, exists, false, func, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import WELL_DATED, newest_of_agent
from app.models import AgentRunDuration, AgentRunIdempotencyKey, AgentRunLog, AgentRunStart
from app.runs.calibration import DURATIONS_KEPT, START_DAYS, STARTS_KEPT

NO_KEY = ""
"""The `run_key` of a start without one."""

_BY_KEY = (
    exists()
    .where(
        AgentRunIdempotencyKey.agent_id == AgentRunStart.agent_id,
        AgentRunIdempotencyKey.key == AgentRunStart.run_key,
    )
    .correlate(AgentRunStart)
)
_LAST_REPORT = (
    newest_of_agent((AgentRunLog.created_at,), AgentRunStart.agent_id, 1, WELL_DATED)
    .correlate(AgentRunStart)
    .scalar_subquery()
)
_REPORTED_SINCE = func.coalesce(AgentRunStart.received_at < _LAST_REPORT, false())
_KEYS_ARE_REPORTED = func.coalesce(
    newest_of_agent(
        (AgentRunDuration.by_key,),
        AgentRunStart.agent_id,
        1,
        AgentRunDuration.by_key.is_(True),
        run=AgentRunDuration,
    )
    .correlate(AgentRunStart)
    .scalar_subquery(),
    false(),
)

# The run that ended each start, and how long it took: not of a start that came twice without a key, which may
# be of either run.
_SETTLE = text("""
WITH ended AS (
    SELECT
        start.agent_id, start.run_key, run.id, run.created_at,
        extract(epoch FROM run.created_at - least(start.started_at, start.received_at)) AS seconds,
        start.again_at IS NULL AS is_one
    FROM agent_run_start AS start
    CROSS JOIN LATERAL (
        SELECT run.id, run.created_at
        FROM agent_run_idempotency_key AS owner JOIN agent_run_log AS run ON run.id = owner.run_id
        WHERE start.run_key <> '' AND owner.agent_id = start.agent_id AND owner.key = start.run_key
        UNION ALL (
            SELECT run.id, run.created_at FROM agent_run_log AS run
            WHERE start.run_key = '' AND run.agent_id = ANY (ARRAY[start.agent_id])
                AND run.created_at > start.received_at AND run.created_at < now() + interval '1 day'
            ORDER BY run.agent_id DESC, run.created_at LIMIT 1
        )
    ) AS run
    WHERE CAST(:agent_id AS text) IS NULL OR start.agent_id = :agent_id
    FOR UPDATE OF start SKIP LOCKED
), gone AS (
    DELETE FROM agent_run_start AS start USING ended
    WHERE start.agent_id = ended.agent_id AND start.run_key = ended.run_key
)
INSERT INTO agent_run_duration (run_id, agent_id, created_at, seconds, by_key)
SELECT id, agent_id, created_at, seconds, run_key <> '' FROM ended WHERE is_one AND seconds > 0
ORDER BY id
ON CONFLICT (run_id) DO NOTHING
RETURNING agent_id
""").bindparams(bindparam("agent_id", type_=String))

_TRIM_DURATIONS = text("""
DELETE FROM agent_run_duration AS old
USING unnest(CAST(:agent_ids AS text[])) AS agent (id), LATERAL (
    SELECT created_at FROM agent_run_duration WHERE agent_id = agent.id
    ORDER BY created_at DESC OFFSET :kept - 1 LIMIT 1
) AS oldest_kept
WHERE old.agent_id = agent.id AND old.created_at < oldest_kept.created_at
""")

# Those that are very old, or old where the agent has reported since; and the oldest of too many.
_REMOVE_OLD = text("""
DELETE FROM agent_run_start WHERE (agent_id, run_key) IN (
    SELECT start.agent_id, start.run_key
    FROM (
        SELECT *, row_number() OVER (PARTITION BY agent_id ORDER BY received_at DESC, run_key) AS place
        FROM agent_run_start
    ) AS start
    LEFT JOIN agent_run_state AS state USING (agent_id)
    WHERE place > :kept OR received_at < now() - :days * interval '1 day'
        OR (received_at < now() - interval '7 days' AND state.last_created_at > received_at)
)
""")


def is_under_way() -> ColumnElement[bool]:
    """That the run of an `AgentRunStart` has not ended, as far as its agent's reports tell."""
    by_any_report = or_(AgentRunStart.run_key == NO_KEY, ~_KEYS_ARE_REPORTED)
    return and_(~_BY_KEY, ~and_(by_any_report, _REPORTED_SINCE))


async def record_start(
    session: AsyncSession, *, agent_id: str, run_key: str | None, started_at: datetime | None
) -> None:
    """Keep that a run has started. The same key again changes nothing.

    1. Starts of the agent that have ended make room, and what they took is kept.
    2. A start without a key, while there is one, is noted with that: whether a run of the agent was started
       again or the signal was repeated cannot be known.
    """
    await settle_starts(session, agent_id)
    received_at = func.clock_timestamp()
    start = insert(AgentRunStart).values(
        agent_id=agent_id,
        run_key=run_key or NO_KEY,
        started_at=received_at if started_at is None else started_at,
        received_at=received_at,
    )
    await session.execute(
        start.on_conflict_do_update(
            index_elements=[AgentRunStart.agent_id, AgentRunStart.run_key],
            set_={"again_at": start.excluded.received_at},
            where=AgentRunStart.run_key == NO_KEY,
        )
    )


async def withdraw_start(session: AsyncSession, agent_id: str, run_key: str | None) -> bool:
    """Forget that a run has started, which will not be reported; False where none has."""
    statement = (
        delete(AgentRunStart)
        .where(AgentRunStart.agent_id == agent_id, AgentRunStart.run_key == (run_key or NO_KEY))
        .returning(AgentRunStart.agent_id)
    )
    return await session.scalar(statement) is not None


async def settle_starts(session: AsyncSession, agent_id: str | None = None) -> None:
    """Remove the starts whose run was recorded, of one agent or of all, and keep how long these took."""
    agents = set(await session.scalars(_SETTLE, {"agent_id": agent_id}))
    if agents:
        await session.execute(_TRIM_DURATIONS, {"agent_ids": sorted(agents), "kept": DURATIONS_KEPT})


async def clear_starts(session: AsyncSession) -> None:
    """Keep the table of starts small: remove those that have ended, are old, or are too many of one agent."""
    await settle_starts(session)
    await session.execute(_REMOVE_OLD, {"kept": STARTS_KEPT, "days": START_DAYS})
