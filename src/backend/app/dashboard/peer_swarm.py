"""The peer swarm's heartbeats."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.cursors import AgentCursor
from app.kit.sql import moment_at
from app.models import PeerSwarmHeartbeat


class HeartbeatPage(NamedTuple):
    """Some of the heartbeats, of how many in all, and where the following ones begin."""

    heartbeats: Sequence[PeerSwarmHeartbeat]
    total: int
    next_cursor: AgentCursor | None


async def heartbeats_page(
    session: AsyncSession, limit: int, after: AgentCursor | None = None
) -> HeartbeatPage:
    """At most `limit` heartbeats, the newest first."""
    at, agent_id = PeerSwarmHeartbeat.heartbeat_at, PeerSwarmHeartbeat.agent_id
    statement = select(PeerSwarmHeartbeat).order_by(at.desc(), agent_id).limit(limit + 1)
    if after:
        moment = moment_at(after.micros)
        statement = statement.where((at < moment) | ((at == moment) & (agent_id > after.agent_id)))
    found = (await session.scalars(statement)).all()
    total = await session.scalar(select(func.count()).select_from(PeerSwarmHeartbeat))
    last = found[limit - 1] if len(found) > limit else None
    cursor = AgentCursor.after(last.agent_id, last.heartbeat_at) if last else None
    return HeartbeatPage(found[:limit], total or 0, cursor)


async def record_heartbeat(
    session: AsyncSession,
    *,
    agent_id: str,
    role: str | None,
    improvement_loops: int | None,
    status: str | None,
    details: dict[str, Any],
) -> None:
    """Upsert the agent's one row: what the latest heartbeat says wins.

    A role that is not said again stays. A count that is not said again stays within its UTC day
    and is 0 on the next.
    """
    beat = insert(PeerSwarmHeartbeat).values(
        agent_id=agent_id,
        role=role,
        improvement_loops=improvement_loops or 0,
        status=status,
        details=details,
        heartbeat_at=func.clock_timestamp(),
    )
    said = beat.excluded
    same_day = func.date_trunc("day", PeerSwarmHeartbeat.heartbeat_at, "UTC") == func.date_trunc(
        "day", said.heartbeat_at, "UTC"
    )
    loops = (
        said.improvement_loops
        if improvement_loops is not None
        else case((same_day, PeerSwarmHeartbeat.improvement_loops), else_=0)
    )
    await session.execute(
        beat.on_conflict_do_update(
            index_elements=[PeerSwarmHeartbeat.agent_id],
            set_={
                "role": func.coalesce(said.role, PeerSwarmHeartbeat.role),
                "improvement_loops": loops,
                "status": said.status,
                "details": said.details,
                "heartbeat_at": said.heartbeat_at,
            },
        )
    )
