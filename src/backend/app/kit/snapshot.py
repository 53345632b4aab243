"""Values that are costly to compute, kept for a while: an old one is served while it is computed again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

_OF_USE = 5
"""Times its maximum age, after which a value is too old to be served."""

FIRST_WAIT_SECONDS = 0.25
"""For the first values of all: a page that waits for longer seems slow."""

Key = TypeVar("Key")
Version = TypeVar("Version")
Value = TypeVar("Value")


class _Entry(NamedTuple, Generic[Version, Value]):
    version: Version
    value: Value
    computed_at: float


class Snapshot(Generic[Key, Version, Value]):
    """A value a key, of the `most` keys that were asked for last, for one event loop.

    An entry is stale once it is older than `max_age` seconds, or where its key has another version than when
    it was computed. Stale entries are computed again by one task at a time, which takes at most `share` of
    the time; `compute` may leave out keys that have no value.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]],
        *,
        max_age: float,
        share: float,
        most: int,
    ) -> None:
        self._compute = compute
        self._max_age = max_age
        self._share = share
        self._most = most
        self._entries: dict[Key, _Entry[Version, Value]] = {}
        self._rests_until = 0.0
        self._refreshing: asyncio.Task[None] | None = None

    async def get(self, wanted: Mapping[Key, Version], *, exactly: bool) -> dict[Key, Value]:
        """The values of the `wanted` keys, each with its present version.

        With `exactly`, what is unknown, of another version or of no use any more is computed before. Without,
        what is known is served; where that is nothing, what is computed within `FIRST_WAIT_SECONDS`.
        """
        useful = monotonic() - _OF_USE * self._max_age
        known = {
            key: entry for key in wanted if (entry := self._entries.get(key)) and entry.computed_at > useful
        }
        if exactly:
            await self._refresh(
                {key: version for key, version in wanted.items() if not self._is_of(version, known.get(key))}
            )
        self._start({key: version for key, version in wanted.items() if self._is_stale(key, version)})
        if not known and self._refreshing:
            await asyncio.wait([self._refreshing], timeout=FIRST_WAIT_SECONDS)
        self._entries |= {key: self._entries.pop(key) for key in wanted if key in self._entries}
        return {
            key: entry.value
            for key in wanted
            if (entry := self._entries.get(key)) and entry.computed_at > useful
        }

    def _is_of(self, version: Version, entry: _Entry[Version, Value] | None) -> bool:
        return entry is not None and entry.version == version

    def _is_stale(self, key: Key, version: Version) -> bool:
        entry = self._entries.get(key)
        return not self._is_of(version, entry) or monotonic() - self._entries[key].computed_at > self._max_age

    def _start(self, stale: Mapping[Key, Version]) -> None:
        is_busy = self._refreshing is not None and not self._refreshing.done()
        if stale and not is_busy and monotonic() >= self._rests_until:
            self._refreshing = asyncio.create_task(self._refresh_and_rest(stale))

    async def _refresh_and_rest(self, stale: Mapping[Key, Version]) -> None:
        began = monotonic()
        await self._refresh(stale)
        took = monotonic() - began
        self._rests_until = began + took / self._share

    async def _refresh(self, wanted: Mapping[Key, Version]) -> None:
        values = await self._compute(list(wanted)) if wanted else {}
        now = monotonic()
        for key in wanted:
            self._entries.pop(key, None)
        self._entries |= {key: _Entry(wanted[key], value, now) for key, value in values.items()}
        for key in list(self._entries)[: -self._most]:
            del self._entries[key]

    async def close(self) -> None:
        """End what is being computed."""
        if self._refreshing:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])
