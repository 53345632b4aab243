"""What was learned of agents' runs, remembered by the process for as long as it holds.

The Auditor looks closely at an agent for as long as it is quiet, and all that time its past is the same:
to read that once is enough.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import WELL_DATED, of_agent, wanted_agents
from app.models import AgentRunLog, AgentRunState

T = TypeVar("T")
# When the agent's newest run was created, and who last changed its runs behind the writer's back.
Standing = tuple[datetime, int | None]

_memories: WeakKeyDictionary[Engine, tuple[object, dict[str, tuple[Standing, Any]]]] = WeakKeyDictionary()


async def remembered(
    session: AsyncSession,
    agent_ids: Sequence[str],
    learn: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]],
    *,
    basis: object,
) -> dict[str, T]:
    """What `learn` tells of each agent, asked only about those of whom it is not remembered.

    Those who are not among `agent_ids` are forgotten, and all are when what it goes by besides their
    runs, the `basis`, is no longer the same.
    """
    # Read before anything is learned: what changes meanwhile is learned again next time.
    standings = await _standings(session, agent_ids)
    engine = session.get_bind().engine
    known_basis, memory = _memories.get(engine, (basis, {}))
    if known_basis != basis:
        memory = {}
    known = {
        agent_id: memory[agent_id][1]
        for agent_id, standing in standings.items()
        if agent_id in memory and memory[agent_id][0] == standing
    }
    unknown = [agent_id for agent_id in standings if agent_id not in known]
    if unknown:
        known |= await learn(unknown)
    _memories[engine] = basis, {agent_id: (standings[agent_id], value) for agent_id, value in known.items()}
    return known


async def _standings(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Standing]:
    wanted, created_at = wanted_agents(agent_ids), AgentRunLog.created_at
    newest = (
        select(created_at)
        .where(of_agent(wanted.c.agent_id), WELL_DATED)
        .order_by(AgentRunLog.agent_id, created_at.desc())
        .limit(1)
        .correlate(wanted)
        .lateral()
    )
    statement = (
        select(wanted.c.agent_id, newest.c.created_at, AgentRunState.changed_in)
        .select_from(wanted)
        .join(newest, true())
        .outerjoin(AgentRunState, AgentRunState.agent_id == wanted.c.agent_id)
    )
    rows = await session.execute(statement)
    return {agent_id: (newest_at, changed_in) for agent_id, newest_at, changed_in in rows}
