"""What people declare of an agent: put it, take it back, and what follows from taking it back."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, delete, func, not_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.pauses import settle_pause
from app.errors import NotFoundError
from app.models import Agent

NOT_DECLARED = "this agent is not declared"


async def declare_agent(session: AsyncSession, agent_id: str, declaration: Mapping[str, Any]) -> None:
    """Put the agent's registry entry: what `declaration`, the columns of `Agent`, leaves out is unset."""
    await settle_pause(session, agent_id)
    entry = insert(Agent).values(agent_id=agent_id, **declaration)
    resumes = and_(Agent.paused, not_(entry.excluded.paused))
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[Agent.agent_id],
            set_={
                **{name: entry.excluded[name] for name in declaration},
                "resumed_at": case((resumes, func.now()), else_=Agent.resumed_at),
                "updated_at": func.now(),
            },
        )
    )


async def remove_declaration(session: AsyncSession, agent_id: str) -> None:
    """Delete the agent's registry entry; its runs, scores and findings stay. Raises `NotFoundError`.

    An agent with runs is then watched by its habit, under its built-in name or its id; one without is gone.
    """
    statement = delete(Agent).where(Agent.agent_id == agent_id).returning(Agent.agent_id)
    if await session.scalar(statement) is None:
        raise NotFoundError(NOT_DECLARED)
