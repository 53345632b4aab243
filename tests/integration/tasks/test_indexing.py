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


@pytest.mark.parametrize(("gives_way", "indexed"), [(True, 16), (False, 64)])
async def test_a_process_that_gave_way_rests(
    log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, gives_way: bool, indexed: int
) -> None:
    async def must_give_way() -> bool:
        return gives_way

    monkeypatch.setattr(search_tasks._pace, "must_give_way", must_give_way)
    for _ in range(2):
        await search_tasks._index()
        assert await log.fetchval(INDEXED) == indexed
    monkeypatch.setattr(search_tasks, "INDEX_REST_SECONDS", 0.0)
    monkeypatch.setattr(search_tasks, "_rests_until", 0.0)
    for _ in range(3):
        await search_tasks._index()
    assert await log.fetchval(INDEXED) == 64
