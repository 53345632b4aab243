"""Which agents there are, how each is shown, and of which no alert goes out."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, String, any_, exists, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identify
from app.errors import NotFoundError
from app.kit.cursors import AgentCursor
from app.kit.sql import wanted_agents
from app.models import Agent, AgentRunStart, AgentRunState, PeerSwarmHeartbeat

NO_SUCH_AGENT = "this agent has neither reported nor been declared"


async def identities(
    session: AsyncSession, agent_ids: Collection[str] | None = None
) -> Mapping[str, Identity]:
    """How every agent is shown, or each of `agent_ids`, that is declared or sent a heartbeat.

    The registry wins.
    """
    known: dict[str, tuple[str | None, str | None]] = {}
    beats = select(PeerSwarmHeartbeat.agent_id, PeerSwarmHeartbeat.role)
    declared = select(Agent.agent_id, Agent.display_name, Agent.role)
    if agent_ids is not None:
        ids = literal(list(agent_ids), ARRAY(String))
        beats = beats.where(PeerSwarmHeartbeat.agent_id == any_(ids))
        declared = declared.where(Agent.agent_id == any_(ids))
    for beat in await session.execute(beats):
        known[beat.agent_id] = (None, beat.role)
    for agent in await session.execute(declared):
        known[agent.agent_id] = (agent.display_name, agent.role or known.get(agent.agent_id, (None, None))[1])
    return {agent_id: identify(agent_id, *names) for agent_id, names in known.items()}


async def known_ids(session: AsyncSession) -> set[str]:
    """Every agent that has reported, is declared or has started a run."""
    known = (select(table.agent_id) for table in (Agent, AgentRunState, AgentRunStart))
    return set(await session.scalars(union(*known)))


async def ids_by_page(
    session: AsyncSession, limit: int, after: AgentCursor | None = None
) -> tuple[list[str], AgentCursor | None]:
    """At most `limit` of `known_ids` in their order, and the place after the last where more follow.

    The moment of a place among them does not count.
    """
    known = union(*(select(table.agent_id) for table in (Agent, AgentRunState, AgentRunStart))).subquery()
    in_order = known.c.agent_id.collate("C")  # by code points, as Python has it
    page = select(known.c.agent_id).order_by(in_order).limit(limit + 1)
    ids = list(await session.scalars(page.where(in_order > after.agent_id) if after else page))
    return ids[:limit], AgentCursor(0, ids[limit - 1]) if len(ids) > limit else None


async def agent_versions(
    session: AsyncSession, agent_ids: Sequence[str]
) -> dict[str, tuple[datetime | None, ...]]:
    """When the newest run of each was created, when it was last declared, and when a run of it last started.

    None what has not been.
    """
    wanted = wanted_agents(agent_ids)
    started = (
        select(func.max(AgentRunStart.received_at))
        .where(AgentRunStart.agent_id == wanted.c.agent_id)
        .scalar_subquery()
    )
    statement = (
        select(wanted.c.agent_id, AgentRunState.last_created_at, Agent.updated_at, started)
        .outerjoin(AgentRunState, AgentRunState.agent_id == wanted.c.agent_id)
        .outerjoin(Agent, Agent.agent_id == wanted.c.agent_id)
    )
    return {agent_id: tuple(moments) for agent_id, *moments in await session.execute(statement)}


async def is_known(session: AsyncSession, agent_id: str) -> bool:
    """Whether the agent has reported, is declared or has started a run."""
    declared = exists().where(Agent.agent_id == agent_id)
    reported = exists().where(AgentRunState.agent_id == agent_id)
    started = exists().where(AgentRunStart.agent_id == agent_id)
    return bool(await session.scalar(select(or_(declared, reported, started))))


async def require_known(session: AsyncSession, agent_id: str) -> None:
    """Raise `NotFoundError` for an agent that has neither reported nor been declared."""
    if not await is_known(session, agent_id):
        raise NotFoundError(NO_SUCH_AGENT)


async def muted_agents(session: AsyncSession) -> set[str]:
    """The agents of which no alert goes out."""
    return set(await session.scalars(select(Agent.agent_id).where(Agent.muted)))
