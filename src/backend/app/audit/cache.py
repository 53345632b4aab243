"""Values learned of agents, cached by the process until what they were learned from has changed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import WELL_DATED, newest_of_agent, wanted_agents
from app.models import AgentRunLog, AgentRunState

LastChange = tuple[datetime, int | None]
"""When the newest run was created, and the last transaction besides the writer's that changed the runs."""

MOST_OTHERS = 1_000
"""Agents that stay in a cache beside those that were read last, of at most 2 kilobytes each: a person who
looks at one agent after the other does not have each learned again."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class Entry(NamedTuple, Generic[Key, Value]):
    """A cached value, and the cache key of the agent when it was learned: another key makes it stale."""

    key: Key
    value: Value


class AgentCache(Generic[Key, Value]):
    """One entry an agent, for each database that the process audits.

    All entries of a database share a `dependency`: what they were learned from besides the agent's own runs.
    With another dependency none of them counts. `others` stay beside those that were read last.
    """

    def __init__(self, others: int = MOST_OTHERS) -> None:
        self._others = others
        self._cached: WeakKeyDictionary[Engine, tuple[object, Mapping[str, Entry[Key, Value]]]] = (
            WeakKeyDictionary()
        )

    def entries(self, session: AsyncSession, dependency: object = None) -> Mapping[str, Entry[Key, Value]]:
        """What is cached of the session's database with this dependency, stale or not."""
        known, entries = self._cached.get(_engine(session), (dependency, {}))
        return entries if known == dependency else {}

    def store(
        self, session: AsyncSession, entries: Mapping[str, Entry[Key, Value]], dependency: object = None
    ) -> None:
        """Replace all that is cached of the session's database."""
        self._cached[_engine(session)] = dependency, entries

    async def read(
        self,
        session: AsyncSession,
        keys: Mapping[str, Key],
        learn: Callable[[Sequence[str]], Awaitable[dict[str, Value]]],
        dependency: object = None,
    ) -> dict[str, Value]:
        """The value of each agent of `keys`, learned where it is stale.

        These agents stay in the cache, and those that were read last before. The keys are to be
        read before: what changes meanwhile is learned again next time.
        """
        entries = self.entries(session, dependency)
        unknown = stale(entries, keys)
        learned = await learn(unknown) if unknown else {}
        values = {agent_id: entries[agent_id].value for agent_id in keys.keys() - set(unknown)} | learned
        others = [(agent_id, entry) for agent_id, entry in entries.items() if agent_id not in values]
        kept = {agent_id: Entry(keys[agent_id], value) for agent_id, value in values.items()}
        self.store(session, {**dict(others[-self._others :]), **kept}, dependency)
        return values


def stale(entries: Mapping[str, Entry[Key, Any]], keys: Mapping[str, Key]) -> list[str]:
    """The agents of `keys` of which nothing is cached by their present cache key."""
    return [
        agent_id for agent_id, key in keys.items() if (e := entries.get(agent_id)) is None or e.key != key
    ]


async def last_changes(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, LastChange]:
    """When the runs of each of the agents that have some last changed."""
    wanted = wanted_agents(agent_ids)
    newest = newest_of_agent([AgentRunLog.created_at], wanted.c.agent_id, 1, WELL_DATED)
    latest = newest.correlate(wanted).lateral()
    statement = (
        select(wanted.c.agent_id, latest.c.created_at, AgentRunState.changed_in)
        .select_from(wanted)
        .join(latest, true())
        .outerjoin(AgentRunState, AgentRunState.agent_id == wanted.c.agent_id)
    )
    rows = await session.execute(statement)
    return {agent_id: (newest_at, changed_in) for agent_id, newest_at, changed_in in rows}


def _engine(session: AsyncSession) -> Engine:
    return session.get_bind().engine
