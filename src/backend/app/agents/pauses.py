"""Pausing and muting agents: a paused one raises no finding, of a muted one no alert goes out."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, String, any_, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Agent

IS_PAUSED = or_(func.coalesce(Agent.paused, False), func.coalesce(Agent.paused_until > func.now(), False))
"""That an agent is paused now; of one that is not declared, false."""


async def paused_agents(session: AsyncSession, agent_ids: Collection[str]) -> set[str]:
    """Those of `agent_ids` that are paused now."""
    ids = literal(list(agent_ids), ARRAY(String))
    statement = select(Agent.agent_id).where(Agent.agent_id == any_(ids), IS_PAUSED)
    return set(await session.scalars(statement))


async def settle_pause(session: AsyncSession, agent_id: str) -> None:
    """Turn a pause until some time into what it is now: a plain pause, or one that has ended then."""
    ended = case((Agent.paused_until <= func.now(), Agent.paused_until))
    await session.execute(
        update(Agent)
        .where(Agent.agent_id == agent_id, Agent.paused_until.is_not(None))
        .values(
            paused=IS_PAUSED,
            resumed_at=func.greatest(Agent.resumed_at, ended),
            paused_until=None,
        )
        .execution_options(synchronize_session=False)
    )


async def pause(session: AsyncSession, agent_id: str, until: datetime | None = None) -> None:
    """Pause the agent, until it is resumed or until that time."""
    await settle_pause(session, agent_id)
    await _put(session, agent_id, paused=until is None, paused_until=until)


async def resume(session: AsyncSession, agent_id: str) -> None:
    """End the agent's pause; its next report is then expected from now on. No effect without a pause."""
    await settle_pause(session, agent_id)
    await session.execute(
        update(Agent)
        .where(Agent.agent_id == agent_id, Agent.paused)
        .values(paused=False, resumed_at=func.now(), updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def mute(session: AsyncSession, agent_id: str, *, muted: bool) -> None:
    """Let no alert about the agent go out, or let them again."""
    await _put(session, agent_id, muted=muted)


async def _put(session: AsyncSession, agent_id: str, **values: Any) -> None:
    entry = insert(Agent).values(agent_id=agent_id, **values)
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[Agent.agent_id], set_={**values, "updated_at": func.now()}
        )
    )
