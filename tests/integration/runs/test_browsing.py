"""Browsing the log: whatever is asked, pages cost a bounded amount of work and lose no run."""

from collections.abc import Sequence
from typing import Any, Unpack

import asyncpg
import pytest

from app.db.session import transaction
from app.runs import browsing
from app.runs.browsing import (
    BrowseFilters,
    Found,
    ListedRun,
    browse,
    last_good_run,
    place_of,
    run_after,
    run_before,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def log(db: asyncpg.Connection) -> asyncpg.Connection:
    """300 runs of three agents, of which every 50th failed; the last 30 have no date."""
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, created_at, status, actions_taken, action_summary, rlhf_scores,
                                   consecutive_silence_count)
        SELECT 'agent-' || n % 3, CASE WHEN n <= 270 THEN now() - n / 2 * interval '1 minute' END,
               CASE n % 50 WHEN 0 THEN 'failed' ELSE 'success' END, jsonb_build_object('n', n),
               'Run ' || n, jsonb_build_object('overall', n / 300.0), (n % 100 = 7)::int
        FROM generate_series(1, 300) AS n
        """
    )
    return db


async def found(limit: int, **options: Any) -> Found[ListedRun]:
    """A page."""
    async with transaction() as session:
        return await browse(session, limit, **options)


async def all_pages(limit: int, patience: float, **filters: Unpack[BrowseFilters]) -> Sequence[int]:
    """The numbers of all runs that match, read page by page."""
    numbers: list[int] = []
    page = await found(limit, patience=patience, **filters)
    while True:
        numbers += [int((run.summary or "").removeprefix("Run ")) for run in page.runs]
        if page.following is None:
            return numbers
        page = await found(limit, after=page.following, patience=patience, **filters)


MATCHING: tuple[tuple[Any, Sequence[int]], ...] = (
    ({}, range(1, 301)),
    ({"status": "failed"}, range(50, 301, 50)),
    ({"silent": True}, (7, 107, 207)),
    ({"least_score": 0.99, "most_score": 0.995}, (297, 298)),
    ({"q": "run 299"}, (299,)),
    ({"agent_id": "agent-1", "silent": True}, (7,)),
    ({"agent_id": "none"}, ()),
)


@pytest.mark.parametrize("window", [7, 40, 20_000])
async def test_pages_hold_every_matching_run_once(
    log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, window: int, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(browsing, "WINDOW_RUNS", window)
    for filters, expected in MATCHING:
        for patience in (0, 60):
            with subtests.test(f"{filters}, {patience} s"):
                assert sorted(await all_pages(9, patience, **filters)) == list(expected)


async def test_a_search_without_patience_says_how_far_it_came(
    log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "WINDOW_RUNS", 100)
    page = await found(50, q="Run 260", patience=0)
    assert page.runs == []
    assert page.looked_back_to == await log.fetchval(
        "SELECT created_at FROM agent_run_log ORDER BY created_at DESC NULLS LAST, id DESC OFFSET 99 LIMIT 1"
    )
    further = await found(50, q="Run 260", after=page.following, patience=60)
    assert [run.summary for run in further.runs] == ["Run 260"]
    assert (further.following, further.looked_back_to) == (None, None)


async def test_neighbours_and_the_last_good_run_are_of_the_same_agent(log: asyncpg.Connection) -> None:
    ids = [
        row["id"]
        for row in await log.fetch(
            "SELECT id FROM agent_run_log WHERE agent_id = 'agent-1' AND created_at IS NOT NULL"
            " ORDER BY created_at DESC, id DESC"
        )
    ]
    async with transaction() as session:
        place = await place_of(session, ids[5])
        before, after = (
            await run_before(session, "agent-1", place),
            await run_after(session, "agent-1", place),
        )
        assert (before and before.id, after and after.id) == (ids[6], ids[4])
        assert await run_after(session, "agent-1", await place_of(session, ids[0])) is None
        # Of agent-1 run 7 was silent and run 100 failed.
        for summary, good in (("Run 4", "Run 10"), ("Run 97", "Run 103")):
            run_id = await log.fetchval("SELECT id FROM agent_run_log WHERE action_summary = $1", summary)
            found = await last_good_run(session, "agent-1", await place_of(session, run_id))
            assert found
            assert found.summary == good
