"""Which agents there are, how each is shown, and of which no alert goes out."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.agents.identity import Identity, identify
from app.errors import NotFoundError
from app.kit.cursors import AgentCursor
from app.kit.sql import wanted_agents
from app.models import Agent, AgentRunStart, AgentRunState, PeerSwarmHeartbeat

NO_SUCH_AGENT = "this agent has neither reported nor been declared"

_KNOWING = (Agent, AgentRunState, AgentRunStart)


def _names(*agent_ids: ColumnElement[Any]) -> Select[Any]:
    """Id, declared name and role of every agent that is declared or sent a heartbeat, or of these."""
    beats, declared = (
        select(table).where(*(table.agent_id == any_(ids) for ids in agent_ids)).subquery()
        for table in (PeerSwarmHeartbeat, Agent)
    )
    role = func.coalesce(func.nullif(declared.c.role, ""), beats.c.role)
    known = func.coalesce(declared.c.agent_id, beats.c.agent_id)
    both = declared.join(beats, declared.c.agent_id == beats.c.agent_id, full=True)
    return select(known, declared.c.display_name, role).select_from(both)


_AGENT_IDS = bindparam("agent_ids", type_=ARRAY(String))
_NAMES, _NAMES_OF = _names(), _names(_AGENT_IDS)


async def identities(
    session: AsyncSession, agent_ids: Collection[str] | None = None
) -> Mapping[str, Identity]:
    """How every agent is shown, or each of `agent_ids`, that is declared or sent a heartbeat.

    The registry wins.
    """
    statement = _NAMES if agent_ids is None else _NAMES_OF.params(agent_ids=list(agent_ids))
    rows = await session.execute(statement)
    return {agent_id: identify(agent_id, name, role) for agent_id, name, role in rows}


def known_agents() -> CompoundSelect[str]:
    """Every agent, as `agent_id`, that has reported, is declared or has started a run."""
    return union(*(select(table.agent_id) for table in _KNOWING))


async def known_ids(session: AsyncSession) -> set[str]:
    """Every agent of `known_agents`."""
    return set(await session.scalars(known_agents()))


async def ids_by_page(
    session: AsyncSession, limit: int, after: AgentCursor | None = None
) -> tuple[list[str], AgentCursor | None]:
    """At most `limit` of `known_agents` in the database's order, and the place after the last if more follow.

    The moment of a place among them does not count.
    """
    known = union(*(_following(table.agent_id, limit, after) for table in _KNOWING)).subquery()
    ids = await session.scalars(select(known.c.agent_id).order_by(known.c.agent_id).limit(limit + 1))
    return _page(list(ids), limit)


async def reporting_ids_by_page(
    session: AsyncSession, since: datetime, limit: int, after: AgentCursor | None = None
) -> tuple[list[str], AgentCursor | None]:
    """As `ids_by_page`, of the agents whose newest run was created after `since`."""
    reporting = _following(AgentRunState.agent_id, limit, after).where(AgentRunState.last_created_at > since)
    return _page(list(await session.scalars(reporting)), limit)


async def count_reporting(session: AsyncSession, since: datetime) -> int:
    """How many agents have a run that was created after `since`."""
    reporting = select(func.count()).where(AgentRunState.last_created_at > since)
    return await session.scalar(reporting) or 0


def _following(column: InstrumentedAttribute[str], limit: int, after: AgentCursor | None) -> Select[str]:
    """Read in the order of the table's primary key, which begins with the agent: no more than is wanted."""
    ids = select(column.label("agent_id")).distinct().order_by(column).limit(limit + 1)
    return ids.where(column > after.agent_id) if after else ids


def _page(ids: list[str], limit: int) -> tuple[list[str], AgentCursor | None]:
    return ids[:limit], AgentCursor(0, ids[limit - 1]) if len(ids) > limit else None


def _versions() -> Select[Any]:
    wanted = wanted_agents(_AGENT_IDS)
    started = (
        select(func.max(AgentRunStart.received_at))
        .where(AgentRunStart.agent_id == wanted.c.agent_id)
        .scalar_subquery()
    )
    return (
        select(wanted.c.agent_id, AgentRunState.last_created_at, Agent.updated_at, started)
        .outerjoin(AgentRunState, AgentRunState.agent_id == wanted.c.agent_id)
        .outerjoin(Agent, Agent.agent_id == wanted.c.agent_id)
    )


_VERSIONS = _versions()


async def agent_versions(
    session: AsyncSession, agent_ids: Sequence[str]
) -> dict[str, tuple[datetime | None, ...]]:
    """When the newest run of each was created, when it was last declared, and when a run of it last started.

    None what has not been.
    """
    rows = await session.execute(_VERSIONS, {"agent_ids": list(agent_ids)})
    return {agent_id: tuple(moments) for agent_id, *moments in rows}


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
