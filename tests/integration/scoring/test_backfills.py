"""History scored again: every run of the window once, from where it was left, and nothing else touched."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.db.session import transaction
from app.errors import NotFoundError
from app.models import ScoreBackfill
from app.scoring import backfills, scorers
from app.scoring.backfills import backfill_chunk, open_backfill, open_system_backfills, recent_backfills
from app.scoring.ratings import rate_run
from app.scoring.rescoring import Rescored, rescore_runs
from app.scoring.rubric import RunReport, Score, score
from app.scoring.scorers import find_scorer
from app.services.agent_run_log_service import write_run_log
from app.tasks.backfill_tasks import continue_backfills
from app.tasks.rlhf_tasks import score_agent_runs
from support.database import until_it_is
from support.log_changes import UNGUARD

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "CHUNK", 10)


@pytest.fixture
async def history(db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> asyncpg.Connection:
    """25 runs in 25 days, scored by the version of those days; the one in use now is another."""
    run_ids = [str(await write_run_log(f"agent-{n % 3}", {"summary": f"Fixed {n}"})) for n in range(25)]
    monkeypatch.setattr(scorers, "VERSION", "old")
    await asyncio.to_thread(score_agent_runs.run, run_ids)
    monkeypatch.setattr(scorers, "VERSION", "new")
    await db.execute(UNGUARD)
    for days, run_id in enumerate(run_ids):
        moved = "UPDATE agent_run_log SET created_at = created_at - $1::interval WHERE id = $2"
        await db.execute(moved, timedelta(days=days), run_id)
    return db


async def opened(**options: Any) -> ScoreBackfill:
    """A backfill by the rubric in use."""
    async with transaction() as session:
        version = (await find_scorer(session, "rubric")).version
        given = {"since": NOW - timedelta(days=30), "scorer": "rubric", "version": version} | options
        return await open_backfill(session, **given)


async def finished(backfill: ScoreBackfill, chunks: int = 100) -> ScoreBackfill:
    """The backfill after so many chunks, or at its end."""
    while backfill.finished_at is None and chunks > 0:
        async with transaction() as session:
            backfill = await backfill_chunk(session, backfill.id)
        chunks -= 1
    return backfill


async def open_by_system() -> Sequence[UUID]:
    """The system's unfinished backfills."""
    async with transaction() as session:
        return await open_system_backfills(session)


def tally(backfill: ScoreBackfill) -> tuple[int, int, int]:
    """What became of the runs so far."""
    return backfill.scored, backfill.skipped, backfill.failed


async def versions(db: asyncpg.Connection) -> dict[str, int]:
    """How many runs show a score of which version."""
    rows = await db.fetch("SELECT rlhf_scores->>'version', count(*) FROM agent_run_log GROUP BY 1")
    return dict(tuple(row) for row in rows)


async def test_a_run_whose_score_the_database_refuses_ends_no_backfill(history: asyncpg.Connection) -> None:
    await history.execute("ALTER TABLE agent_run_log ADD CHECK (action_summary <> 'Fixed 7') NOT VALID")
    assert tally(await finished(await opened())) == (24, 0, 1)
    assert await versions(history) == {"new": 24, "old": 1}


async def test_every_run_of_the_window_gets_the_new_score_and_keeps_the_old(
    history: asyncpg.Connection,
) -> None:
    backfill = await finished(await opened())
    assert tally(backfill) == (25, 0, 0)
    assert await versions(history) == {"new": 25}
    kept = await history.fetch("SELECT version, count(*) FROM agent_run_score GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in kept] == [("old", 25)], "the new ones are on the runs"


async def test_the_window_is_respected_newest_first(history: asyncpg.Connection) -> None:
    window = {"since": NOW - timedelta(days=20, hours=1), "until": NOW - timedelta(days=4, hours=1)}
    backfill = await finished(await opened(**window), 1)
    assert (backfill.scored, backfill.finished_at) == (10, None)
    oldest = await history.fetchval(
        "SELECT min(created_at) FROM agent_run_log WHERE rlhf_scores->>'version' = 'new'"
    )
    assert oldest > NOW - timedelta(days=14, hours=1)
    assert tally(await finished(backfill)) == (16, 0, 0)
    assert await versions(history) == {"new": 16, "old": 9}


async def test_asked_again_it_goes_on_where_it_was(history: asyncpg.Connection) -> None:
    first = await finished(await opened(request="30d"), 2)
    again = await opened(request="30d", since=NOW - timedelta(days=29))
    assert (again.id, again.since, tally(again)) == (first.id, first.since, (20, 0, 0))
    assert (await opened(request="29d")).id != first.id
    assert tally(await finished(again)) == (25, 0, 0)
    second = await opened(request="30d")
    assert second.id != first.id
    assert tally(await finished(second)) == (0, 25, 0)
    async with transaction() as session:
        assert [each.finished_at is not None for each in await recent_backfills(session, limit=9)] == [
            True,
            False,
            True,
        ]


async def test_two_that_go_on_with_it_at_once_score_each_run_once(history: asyncpg.Connection) -> None:
    backfill = await opened()
    first, second = await asyncio.gather(finished(backfill), finished(backfill))
    assert tally(first) == tally(second) == (25, 0, 0)


async def test_what_nobody_has_scored_is_left_to_those_who_do(history: asyncpg.Connection) -> None:
    await history.execute("UPDATE agent_run_log SET rlhf_scores = NULL WHERE agent_id = 'agent-0'")
    assert tally(await finished(await opened())) == (16, 9, 0)
    assert await versions(history) == {"new": 16, None: 9}


async def test_ratings_are_untouched(history: asyncpg.Connection) -> None:
    run_id = await history.fetchval("SELECT id FROM agent_run_log ORDER BY created_at LIMIT 1")
    async with transaction() as session:
        await rate_run(session, run_id, rater="ada", rating=0.25, comment=None)
    await finished(await opened())
    shown = json.loads(await history.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id))
    assert (shown["overall"], shown["version"]) == (0.25, "new")
    assert shown["human"] == {"rating": 0.25, "raters": 1}


async def test_a_failure_takes_no_score_away_and_is_counted(
    history: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(run: RunReport, past: Sequence[RunReport] = ()) -> Score:
        if run.agent_id == "agent-1":
            raise ZeroDivisionError("no scale")
        return score(run, past)

    monkeypatch.setattr(scorers, "score", fragile)
    assert tally(await finished(await opened())) == (17, 0, 8)
    assert await versions(history) == {"new": 17, "old": 8}
    assert await history.fetchval("SELECT count(retry_at) FROM agent_run_score") == 8


async def test_an_unknown_version_is_refused(history: asyncpg.Connection) -> None:
    with pytest.raises(NotFoundError, match="there is no scorer rubric in version 0 here"):
        await opened(version="0")


async def test_workers_go_on_with_the_systems_backfills_and_no_others(history: asyncpg.Connection) -> None:
    await opened(request="30d")
    by_system = await opened(since=NOW - timedelta(days=9, hours=1))
    assert (await opened()).id == by_system.id
    while await open_by_system():
        await asyncio.to_thread(continue_backfills.run)
    assert await versions(history) == {"new": 10, "old": 15}


async def test_the_systems_next_backfill_takes_the_place_of_the_last(
    history: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened()
    monkeypatch.setattr(scorers, "VERSION", "newer")
    latest = await opened()
    assert await open_by_system() == [latest.id]
    assert await history.fetchval("SELECT error FROM score_backfill WHERE id <> $1", latest.id) == (
        "version newer took its place"
    )


async def test_a_backfill_whose_scorer_is_no_more_ends_with_a_reason(
    history: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened()
    monkeypatch.setattr(scorers, "VERSION", "newer")
    await asyncio.to_thread(continue_backfills.run)
    ended = await history.fetchrow("SELECT finished_at IS NOT NULL, error FROM score_backfill")
    assert tuple(ended) == (True, "there is no scorer rubric in version new here")
    assert await versions(history) == {"old": 25}


async def test_a_run_that_is_rescored_while_it_is_waited_for_is_not_scored_again(
    history: asyncpg.Connection, database: str
) -> None:
    run_ids = [row["id"] for row in await history.fetch("SELECT id FROM agent_run_log")]
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )

    async def rescored() -> Rescored:
        async with transaction() as session:
            return await rescore_runs(session, run_ids, scorer=await find_scorer(session, "rubric"))

    async with transaction() as session:
        first = await rescore_runs(session, run_ids, scorer=await find_scorer(session, "rubric"))
        second = asyncio.create_task(rescored())
        await until_it_is(database, waiting, True)
    assert (first, await second) == (Rescored(25, 0), Rescored(0, 0))
