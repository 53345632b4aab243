"""Values learned of agents, cached by the process until what they were learned from has changed."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncSession

Key = TypeVar("Key")
Value = TypeVar("Value")


class Entry(NamedTuple, Generic[Key, Value]):
    """A cached value, and the cache key of the agent when it was learned: another key makes it stale."""

    key: Key
    value: Value


class AgentCache(Generic[Key, Value]):
    """One entry an agent, for each database that the process audits.

    All entries of a database share a `dependency`: what they were learned from besides the agent's own runs.
    With another dependency none of them counts.
    """

    def __init__(self) -> None:
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


def stale(entries: Mapping[str, Entry[Key, Any]], keys: Mapping[str, Key]) -> list[str]:
    """The agents of `keys` of which nothing is cached by their present cache key."""
    return [
        agent_id for agent_id, key in keys.items() if (e := entries.get(agent_id)) is None or e.key != key
    ]


def _engine(session: AsyncSession) -> Engine:
    return session.get_bind().engine
