"""Searching by the index of texts: it finds what a look at every run finds, in the same order."""

import asyncio
import random
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Engine, event

from app.config import get_settings
from app.db.session import transaction
from app.kit.cursors import Cursor
from app.proof.erasure import erase_payload
from app.runs import browsing, listing
from app.runs.browsing import browse, browse_places
from app.runs.listing import list_runs
from app.runs.search import index
from app.runs.search.index import index_more
from app.runs.search.items import folded
from app.tasks.seal_tasks import seal
from support.log_changes import GUARD, UNGUARD

pytestmark = pytest.mark.anyio

WORDS = (
    "deploy",
    "Deployment",
    "refund",
    "naïve",
    "ÄRGER",
    "100%",
    "a_b_c",
    "back\\slash",
    'quo"te',
    "漢字テスト",
)
QUERIES = (
    "deploy",
    "MENT 1",
    "ärger",
    "100%",
    "_b_c",
    "k\\\\slas",
    'uo\\"te',
    "字テスト",
    "no such text",
    "n: 31",
)
DATES = ("now() - n / 3 * interval '1 minute'", "'50000-01-01'", "'4000-01-01 BC'", "'infinity'", "NULL")
INSERT = """
    INSERT INTO agent_run_log (agent_id, created_at, actions_taken, action_summary)
    SELECT 'agent-' || n % 3, {}, jsonb_build_object('text', $2::text), 'n: ' || n
    FROM (VALUES ($1::int)) AS run (n)
"""
EVERY = """
    SELECT id FROM agent_run_log
    WHERE (action_summary ILIKE $1 OR actions_taken::text ILIKE $1) AND ($2::text IS NULL OR agent_id = $2)
    ORDER BY created_at DESC NULLS LAST, id DESC
"""


async def index_all() -> None:
    """Seal what is committed, and index what makes whole blocks."""
    await seal(get_settings(), at_once=True)
    more = True
    while more:
        async with transaction() as session:
            more = await index_more(session)


@pytest.fixture
async def log(db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> asyncpg.Connection:
    """328 runs of three agents in blocks of 16, some of odd dates; the last 8 are in none."""
    monkeypatch.setattr(index, "BLOCK_RUNS", 16)
    chance = random.Random(7)
    for number in range(328):
        words = " ".join(chance.choices(WORDS, k=3))
        date = DATES[0] if number % 40 else chance.choice(DATES)
        await db.execute(INSERT.format(date), number, f"{words} {number}")
    await index_all()
    return db


async def listed(q: str, limit: int = 1000, agent_id: str | None = None) -> Sequence[UUID]:
    """What the JSON lists, all pages."""
    ids: list[UUID] = []
    cursor = None
    while True:
        async with transaction() as session:
            page = await list_runs(session, limit=limit, cursor=cursor, q=q, agent_id=agent_id)
        ids += [run["id"] for run in page.runs]
        if page.next_cursor is None:
            return ids
        cursor = Cursor.decode(page.next_cursor)


async def browsed(q: str, limit: int, patience: float, agent_id: str | None = None) -> Sequence[UUID]:
    """What the page lists, all pages."""
    ids: list[UUID] = []
    after = None
    while True:
        async with transaction() as session:
            page = await browse(session, limit, after, patience, q=q, agent_id=agent_id)
        ids += [run.id for run in page.runs]
        if page.following is None:
            return ids
        after = page.following


async def every(db: asyncpg.Connection, q: str, agent_id: str | None = None) -> Sequence[UUID]:
    """What a look at every run finds."""
    pattern = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [row["id"] for row in await db.fetch(EVERY, f"%{pattern}%", agent_id)]


async def test_the_json_reads_the_rows_that_it_shows_once(log: asyncpg.Connection) -> None:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with transaction() as session:
            assert len((await list_runs(session, limit=20, q="deploy")).runs) == 20
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len([each for each in statements if "rlhf_scores" in each]) == 1


@pytest.mark.parametrize("agent_id", [None, "agent-1"])
async def test_it_finds_what_a_look_at_every_run_finds(log: asyncpg.Connection, agent_id: str | None) -> None:
    assert await log.fetchval("SELECT count(*) FROM search_block") == 328 // 16
    for q in QUERIES:
        expected = await every(log, q, agent_id)
        assert (q != "no such text") == bool(expected), q
        assert await listed(q, agent_id=agent_id) == expected, q
        assert await listed(q, 7, agent_id) == expected, q
        for limit, patience in ((1000, 60), (7, 60), (7, 0)):
            assert await browsed(q, limit, patience, agent_id) == expected, (q, limit, patience)


@pytest.mark.parametrize("q", ["n: ", "deploy"])
async def test_pages_that_end_for_their_time_lose_no_run(
    log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, q: str
) -> None:
    monkeypatch.setattr(listing, "browse_places", partial(browse_places, patience=0))
    monkeypatch.setattr(browsing, "WINDOW_RUNS", 16)
    assert await listed(q, 7) == await every(log, q)


async def test_it_reads_no_more_of_the_log_than_the_index_leads_to(log: asyncpg.Connection) -> None:
    in_blocks = {run["id"] for run in await log.fetch("SELECT unnest(run_ids) AS id FROM search_block")}
    dated = {
        run["id"] for run in await log.fetch("SELECT id FROM agent_run_log WHERE created_at IS NOT NULL")
    }
    found = set(await listed('"text"'))
    await log.execute("DELETE FROM search_block")
    left = set(await listed('"text"'))
    assert found - left == in_blocks & dated
    assert left >= found - in_blocks
    assert len(found - in_blocks) == 8


async def test_a_run_is_found_as_soon_as_it_is_committed(log: asyncpg.Connection) -> None:
    run_id = await log.fetchval(
        "INSERT INTO agent_run_log (agent_id, action_summary) VALUES ('nova', 'Fed the zebra') RETURNING id"
    )
    for _ in range(2):
        assert await listed("the ZEBRA") == [run_id]
        await index_all()


async def test_a_text_that_has_changed_is_found(log: asyncpg.Connection) -> None:
    run_id = (await listed("n: 300"))[0]
    await log.execute(UNGUARD)
    await log.execute("UPDATE agent_run_log SET action_summary = 'Watered a zebra' WHERE id = $1", run_id)
    await log.execute(GUARD)
    for _ in range(2):
        assert await listed("zebra") == [run_id]
        assert await listed("n: 300") == []
        await index_all()


async def test_nothing_of_an_erased_text_stays(log: asyncpg.Connection) -> None:
    run_id = (await listed("n: 300"))[0]
    blocks = "SELECT items FROM search_block WHERE $1 = ANY (run_ids)"
    before = set(await log.fetchval(blocks, run_id))
    async with transaction() as session:
        await erase_payload(session, run_id, by="ann", reason="asked for")
    await index_all()
    assert await listed("n: 300") == []
    assert len(await listed("n: 30")) > 1
    assert set(await log.fetchval(blocks, run_id)) < before
    assert await log.fetchval("SELECT count(*) FROM search_block WHERE stale") == 0


async def test_a_run_with_too_much_text_for_the_index_is_found(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BLOCK_RUNS", 4)
    monkeypatch.setattr(index, "BLOCK_GRAMS", 2_000)
    for number in range(8):
        text = " ".join(map(str, range(2_000))) if number == 3 else f"little {number}"
        await db.execute("INSERT INTO agent_run_log (agent_id, action_summary) VALUES ('nova', $1)", text)
    await index_all()
    sizes = await db.fetch("SELECT cardinality(run_ids) AS runs, items FROM search_block ORDER BY newest")
    assert [(block["runs"], block["items"] is None) for block in sizes] == [(3, False), (1, True), (4, False)]
    assert len(await listed("1998 1999")) == 1
    assert len(await listed("little")) == 7


async def test_until_all_is_sealed_every_run_is_looked_at(log: asyncpg.Connection) -> None:
    await log.execute("DELETE FROM search_block")
    await log.execute("UPDATE seal_adoption SET ended_at = NULL")
    assert await listed("deploy") == await every(log, "deploy")


async def test_while_too_many_runs_wait_every_run_is_looked_at(
    log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.execute("DELETE FROM search_block")
    monkeypatch.setattr("app.runs.search.lookup.UNINDEXED_RUNS", 7)
    assert await listed("deploy") == await every(log, "deploy")


async def test_two_at_once_index_each_run_once(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BLOCK_RUNS", 4)
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, action_summary)"
        " SELECT 'nova', 'n: ' || n FROM generate_series(1, 90) AS n"
    )
    await asyncio.gather(index_all(), index_all(), index_all())
    await index_all()
    runs = await db.fetch("SELECT unnest(run_ids) AS id FROM search_block")
    assert len(runs) == len({run["id"] for run in runs}) == 88


async def test_letters_that_the_database_takes_for_the_same_are_the_same(db: asyncpg.Connection) -> None:
    letters = [chr(code) for code in range(1, sys.maxunicode) if chr(code).lower() != chr(code).upper()]
    text = " ".join(["ΌΔΟΣ Σ", "ISTANBUL", *letters])
    collations = await db.fetch(
        "SELECT collname FROM pg_collation"
        " WHERE collname IN ('C', 'pg_c_utf8', 'und-x-icu', 'tr-x-icu', 'lt-x-icu')"
    )
    assert len(collations) > 1
    for collation in ("default", *(row["collname"] for row in collations)):
        lowered = await db.fetchval(f'SELECT lower($1::text COLLATE "{collation}")', text)
        assert folded(lowered) == folded(text), collation
