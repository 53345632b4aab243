"""What the Auditor has learned of agents is not learned twice."""

from collections.abc import Sequence

import pytest

from app.audit.cache import AgentCache
from app.db.session import transaction

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_agents_that_are_read_in_turn_are_learned_once() -> None:
    known: AgentCache[int, str] = AgentCache(others=2)
    learned: list[str] = []

    async def learn(agents: Sequence[str]) -> dict[str, str]:
        learned.extend(agents)
        return {agent: f"{agent} as learned" for agent in agents}

    async def read(agent: str, key: int = 1, dependency: object = None) -> None:
        async with transaction() as session:
            found = await known.read(session, {agent: key}, learn, dependency)
        assert found == {agent: f"{agent} as learned"}

    for agent in ("a", "b", "c", "a", "b", "c"):
        await read(agent)
    assert learned == ["a", "b", "c"]
    await read("d")
    await read("a")
    assert learned == ["a", "b", "c", "d", "a"], "the one that was read longest ago is dropped"
    await read("d", key=2)
    await read("d", key=2, dependency="another")
    assert learned[5:] == ["d", "d"]
