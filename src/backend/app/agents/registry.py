"""Which agents there are, how each is shown, and of which no alert goes out."""

from collections.abc import Mapping

from sqlalchemy import exists, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identify
from app.errors import NotFoundError
from app.models import Agent, AgentRunState, PeerSwarmHeartbeat

NO_SUCH_AGENT = "this agent has neither reported nor been declared"


async def identities(session: AsyncSession) -> Mapping[str, Identity]:
    """How every agent is shown that is declared or sent a heartbeat; the registry wins."""
    known: dict[str, tuple[str | None, str | None]] = {}
    for beat in await session.execute(select(PeerSwarmHeartbeat.agent_id, PeerSwarmHeartbeat.role)):
        known[beat.agent_id] = (None, beat.role)
    for agent in await session.execute(select(Agent.agent_id, Agent.display_name, Agent.role)):
        known[agent.agent_id] = (agent.display_name, agent.role or known.get(agent.agent_id, (None, None))[1])
    return {agent_id: identify(agent_id, *names) for agent_id, names in known.items()}


async def known_ids(session: AsyncSession) -> set[str]:
    """Every agent that has reported or is declared."""
    return set(await session.scalars(union(select(Agent.agent_id), select(AgentRunState.agent_id))))


async def is_known(session: AsyncSession, agent_id: str) -> bool:
    """Whether the agent has reported or is declared."""
    declared = exists().where(Agent.agent_id == agent_id)
    reported = exists().where(AgentRunState.agent_id == agent_id)
    return bool(await session.scalar(select(or_(declared, reported))))


async def require_known(session: AsyncSession, agent_id: str) -> None:
    """Raise `NotFoundError` for an agent that has neither reported nor been declared."""
    if not await is_known(session, agent_id):
        raise NotFoundError(NO_SUCH_AGENT)


async def muted_agents(session: AsyncSession) -> set[str]:
    """The agents of which no alert goes out."""
    return set(await session.scalars(select(Agent.agent_id).where(Agent.muted)))
