"""The agents as a list for people: those in trouble first, then all others by name."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, FromClause, Select, String, cast, column, func, literal, or_, select, values
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import BEFORE_ROLE, BUILT_IN, Identity, identity_of
from app.agents.registry import identities, known_agents
from app.dashboard.verdict import Trouble
from app.models import Agent, PeerSwarmHeartbeat


class ListedAgent(NamedTuple):
    """An agent, how it is shown, and what is wrong with it, the gravest first."""

    agent_id: str
    identity: Identity
    troubles: Sequence[Trouble]


class AgentPage(NamedTuple):
    """Some of the `total` agents of a list: those of its page `number`, of `pages`, counted from 1."""

    agents: Sequence[ListedAgent]
    total: int
    number: int
    pages: int


async def agent_page(
    session: AsyncSession, troubles: Sequence[Trouble], search: str | None, number: int, size: int
) -> AgentPage:
    """A page of at most `size` of all agents, or of those whose id, name or role hold `search` in any case.

    `troubles` come the gravest first, and so do their agents. Beyond the last page it
    is the last one.
    """
    of_agents: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        for agent_id in trouble.agent_ids:
            of_agents.setdefault(agent_id, []).append(trouble)
    found = _found(search).subquery()
    total = await session.scalar(select(func.count()).select_from(found)) or 0
    pages = max(1, -(-total // size))
    number = min(number, pages)
    page = _gravest_first(found, list(of_agents)).limit(size).offset((number - 1) * size)
    ids = list(await session.scalars(page))
    known = await identities(session, ids)
    agents = [ListedAgent(each, identity_of(each, known), of_agents.get(each, ())) for each in ids]
    return AgentPage(agents, total, number, pages)


def _found(search: str | None) -> Select[Any]:
    """The agents with the name they are sorted by: a built-in one is the agent's id but for its case."""
    known = known_agents().subquery()
    name = func.lower(func.coalesce(Agent.display_name, known.c.agent_id)).label("name")
    agents = known.outerjoin(Agent, Agent.agent_id == known.c.agent_id)
    if not search:
        return select(known.c.agent_id, name).select_from(agents)
    beat, built_in = PeerSwarmHeartbeat, _built_in_roles()
    agents = agents.outerjoin(beat, beat.agent_id == known.c.agent_id)
    agents = agents.outerjoin(built_in, built_in.c.agent_id == func.lower(known.c.agent_id))
    role = func.coalesce(Agent.role, beat.role, built_in.c.role)
    title = func.concat(name, literal(BEFORE_ROLE) + func.lower(role))
    is_wanted = or_(
        *(func.strpos(each, func.lower(search)) > 0 for each in (func.lower(known.c.agent_id), title))
    )
    return select(known.c.agent_id, name).select_from(agents).where(is_wanted)


def _built_in_roles() -> FromClause:
    roles = [(agent_id, identity.role) for agent_id, identity in BUILT_IN.items()]
    return values(column("agent_id", String), column("role", String), name="built_in").data(roles)


def _gravest_first(found: FromClause, troubled: Sequence[str]) -> Select[str]:
    ids = func.unnest(cast(literal(list(troubled), ARRAY(String)), ARRAY(String)))
    place = ids.table_valued("agent_id", with_ordinality="place", name="troubled").render_derived()
    agents = found.outerjoin(place, place.c.agent_id == found.c.agent_id)
    return (
        select(found.c.agent_id).select_from(agents).order_by(place.c.place, found.c.name, found.c.agent_id)
    )
