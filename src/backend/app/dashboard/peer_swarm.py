"""The peer swarm's heartbeats."""

from typing import Any

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import PeerSwarmHeartbeat


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
