"""Values that are kept for a while, computed when and only when that is needed."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.kit import snapshot
from app.kit.snapshot import Snapshot

pytestmark = pytest.mark.anyio


class Source:
    """Something to compute: each value says how many computations came before it. `gate` holds them up."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def compute(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(sorted(keys))
        await self.gate.wait()
        return {key: len(self.asked) for key in keys if key != "none"}

    def snapshot(self, max_age: float = 3600.0, most: int = 100) -> Snapshot[str, int, int]:
        return Snapshot(self.compute, max_age=max_age, share=1.0, most=most)


async def settled() -> None:
    """Let whatever goes on in the loop go on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_only_what_is_unknown_or_of_another_version_is_computed() -> None:
    source = Source()
    kept = source.snapshot()
    assert await kept.get({"a": 1, "b": 1}, exactly=True) == {"a": 1, "b": 1}
    assert await kept.get({"a": 1, "b": 1}, exactly=True) == {"a": 1, "b": 1}
    assert await kept.get({"a": 1, "b": 2, "c": 1}, exactly=True) == {"a": 1, "b": 2, "c": 2}
    assert source.asked == [["a", "b"], ["b", "c"]]


async def test_what_is_known_is_served_while_it_is_computed_again_once() -> None:
    source = Source()
    kept = source.snapshot()
    await kept.get({"a": 1}, exactly=True)
    source.gate.clear()
    for _ in range(3):
        assert await kept.get({"a": 2, "b": 1}, exactly=False) == {"a": 1}
        await settled()
    assert source.asked == [["a"], ["a", "b"]]
    source.gate.set()
    await settled()
    assert await kept.get({"a": 2, "b": 1}, exactly=False) == {"a": 2, "b": 2}
    await kept.close()


async def test_an_old_value_is_computed_again_after_it_was_served(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    clock = [0.0]
    monkeypatch.setattr(snapshot, "monotonic", lambda: clock[0])
    kept = source.snapshot(max_age=60.0)
    await kept.get({"a": 1}, exactly=True)
    clock[0] = 61.0
    assert await kept.get({"a": 1}, exactly=True) == {"a": 1}
    await settled()
    assert await kept.get({"a": 1}, exactly=True) == {"a": 2}
    clock[0] = 1000.0
    assert await kept.get({"a": 1}, exactly=True) == {"a": 3}, "one of long ago must not be served"
    await kept.close()


async def test_the_first_values_are_waited_for() -> None:
    source = Source()
    kept = source.snapshot()
    assert await kept.get({"a": 1, "none": 1}, exactly=False) == {"a": 1}
    await kept.close()


async def test_the_keys_asked_for_last_are_kept() -> None:
    source = Source()
    kept = source.snapshot(most=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        await kept.get({key: 1}, exactly=True)
    assert source.asked == [["a"], ["b"], ["c"], ["b"]]


async def test_closing_ends_what_is_being_computed() -> None:
    source = Source()
    kept = source.snapshot()
    tasks = asyncio.all_tasks()
    await kept.get({"a": 1}, exactly=True)
    source.gate.clear()
    await kept.get({"a": 2}, exactly=False)
    assert asyncio.all_tasks() != tasks
    await kept.close()
    assert asyncio.all_tasks() == tasks
