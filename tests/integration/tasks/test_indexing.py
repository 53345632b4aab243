"""The task that indexes the log, while many runs come in and processors are short."""

import asyncpg
import pytest

from app.config import get_settings
from app.runs.search import index
from app.tasks import search_tasks
from app.tasks.seal_tasks import seal

pytestmark = pytest.mark.anyio

INDEXED = "SELECT coalesce(sum(cardinality(run_ids)), 0) FROM search_block"


@pytest.fixture
async def log(db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> asyncpg.Connection:
    """Sealed runs for four steps of sixteen."""
    monkeypatch.setattr(index, "BLOCK_RUNS", 16)
    monkeypatch.setattr(index, "_LEAVES", index.text(index._LEAVES.text.replace("4096", "16")))
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 64)")
    await seal(get_settings(), at_once=True)
    monkeypatch.setattr(search_tasks, "_rests_until", 0.0)
    return db


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether the process `must` give way."""
    flood = {"must": True}

    async def must_give_way() -> bool:
        return flood["must"]

    monkeypatch.setattr(search_tasks._pace, "must_give_way", must_give_way)
    return flood


async def test_all_is_indexed_while_few_runs_come_in(log: asyncpg.Connection, flood: dict[str, bool]) -> None:
    flood["must"] = False
    await search_tasks._index()
    assert await log.fetchval(INDEXED) == 64


async def test_a_process_that_gave_way_rests_and_then_looks_whether_the_flood_lasts(
    log: asyncpg.Connection, flood: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    await search_tasks._index()
    assert await log.fetchval(INDEXED) == 16
    flood["must"] = False
    await search_tasks._index()
    assert await log.fetchval(INDEXED) == 16, "it did not rest"
    for is_over in (False, True):
        monkeypatch.setattr(search_tasks, "_rests_until", 1e-9)
        flood["must"] = not is_over
        await search_tasks._index()
        assert await log.fetchval(INDEXED) == (64 if is_over else 16)
    assert search_tasks._rests_until == 0.0
