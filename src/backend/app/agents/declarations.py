"""What people declare of an agent: put it, change it, take it back, and what follows from taking it back."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, delete, func, not_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.pauses import settle_pause
from app.agents.registry import require_known
from app.errors import NotFoundError
from app.models import Agent

NOT_DECLARED = "this agent is not declared"
_PAUSE = {"paused", "paused_until"}


async def declare_agent(session: AsyncSession, agent_id: str, declaration: Mapping[str, Any]) -> None:
    """Put the agent's registry entry: what `declaration`, the columns of `Agent`, leaves out is unset."""
    await settle_pause(session, agent_id)
    await _put(session, agent_id, declaration)


async def change_declaration(session: AsyncSession, agent_id: str, changes: Mapping[str, Any]) -> None:
    """Change what `changes`, columns of `Agent`, names of the agent's registry entry; all else stays.

    Raises `NotFoundError` for an agent that has neither reported nor been declared.
    """
    await require_known(session, agent_id)
    if changes.keys() & _PAUSE:
        await settle_pause(session, agent_id)
    if changes:
        await _put(session, agent_id, changes)


async def declare_schedule(session: AsyncSession, agent_id: str, schedule: str | None, timezone: str) -> None:
    """Put the schedule of the agent's registry entry and its clock; what else is declared stays."""
    values = {"schedule": schedule, "timezone": timezone}
    entry = insert(Agent).values(agent_id=agent_id, **values)
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[Agent.agent_id], set_={**values, "updated_at": func.now()}
        )
    )


async def remove_declaration(session: AsyncSession, agent_id: str) -> None:
    """Delete the agent's registry entry; its runs, scores and findings stay. Raises `NotFoundError`.

    An agent with runs is then watched by its habit, under its built-in name or its id; one without is gone.
    """
    statement = delete(Agent).where(Agent.agent_id == agent_id).returning(Agent.agent_id)
    if await session.scalar(statement) is None:
        raise NotFoundError(NOT_DECLARED)


async def _put(session: AsyncSession, agent_id: str, values: Mapping[str, Any]) -> None:
    entry = insert(Agent).values(agent_id=agent_id, **values)
    changed: dict[str, Any] = {name: entry.excluded[name] for name in values}
    if "paused" in values:
        # Paused until some time, in place of for good, it is not resumed yet.
        resumes = and_(Agent.paused, not_(entry.excluded.paused), entry.excluded.paused_until.is_(None))
        changed["resumed_at"] = case((resumes, func.now()), else_=Agent.resumed_at)
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[Agent.agent_id], set_={**changed, "updated_at": func.now()}
        )
    )
