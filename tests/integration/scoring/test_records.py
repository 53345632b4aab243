"""Every scorer's result is kept beside the run, and one rule says which of them the run shows."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.db.session import transaction
from app.models import AgentRunLog
from app.scoring.domain.results import Result, failed, succeeded
from app.scoring.pipeline import score_runs
from app.scoring.ratings import rate_run
from app.scoring.records import record_results, results_of_run
from app.scoring.rubric import VERSION, Score
from app.services.agent_run_log_service import write_run_log
from support.log_changes import UNGUARD

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def judged(auto: float, version: str = "model-a", *, minutes: float = 0) -> Result:
    """A judge's score."""
    score = Score(auto, {"outcome": auto}, ("it says so",))
    return succeeded("judge", version, score, NOW + timedelta(minutes=minutes))


async def record(run_id: UUID, *results: Result) -> None:
    """Record results in a transaction of their own."""
    async with transaction() as session:
        await record_results(session, {run_id: results})


async def score(*run_ids: UUID) -> None:
    """Score runs as the task does."""
    async with transaction() as session:
        await score_runs(session, run_ids)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    stored = await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id)
    return json.loads(stored) if stored else None


async def kept(run_id: UUID) -> dict[tuple[str, str], Result]:
    """All results of a run."""
    async with transaction() as session:
        run = await session.get_one(AgentRunLog, run_id)
        return {result.kind: result for result in await results_of_run(session, run_id, run.rlhf_scores)}


async def beside(db: asyncpg.Connection, run_id: UUID) -> dict[str, str]:
    """The versions of a run's results that have rows of their own, by scorer."""
    rows = await db.fetch("SELECT scorer, version FROM agent_run_score WHERE run_id = $1", run_id)
    return {row["scorer"]: row["version"] for row in rows}


async def test_what_the_run_shows_is_kept_there_alone(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log("sage", {"summary": f"Fixed {n} leaks"}) for n in range(3)]
    await score(*run_ids)
    for run_id in run_ids:
        shown = await scores(db, run_id)
        ((kind, result),) = (await kept(run_id)).items()
        assert kind == (shown["scorer"], shown["version"])
        assert (result.auto, result.dimensions, result.reasons) == (
            shown["auto"],
            shown["dimensions"],
            shown["reasons"],
        )
        assert result.scored_at.isoformat().replace("+00:00", "Z") == shown["scored_at"]
        assert (result.error, result.attempts, result.retry_at) == (None, 1, None)
        assert await beside(db, run_id) == {}


async def test_a_result_that_is_shown_no_more_is_kept_beside_the_run(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed a leak"})
    await score(run_id)
    before = await kept(run_id)
    await record(run_id, judged(0.125))
    assert await beside(db, run_id) == {"rubric": VERSION, "judge": "model-a"}
    after = await kept(run_id)
    assert {kind: after[kind] for kind in before} == before


async def test_a_failure_leaves_its_row_with_the_score_that_follows_it(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed a leak"})
    await record(run_id, failed("rubric", VERSION, "no scale", NOW))
    assert await beside(db, run_id) == {"rubric": VERSION}
    await record(run_id, succeeded("rubric", VERSION, Score(0.5, {"outcome": 0.5}, ("so",)), NOW))
    assert await beside(db, run_id) == {}
    assert (await scores(db, run_id))["overall"] == 0.5


async def test_what_an_earlier_version_kept_twice_is_one_result(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed a leak"})
    await score(run_id)
    before = await kept(run_id)
    await db.execute("""
        INSERT INTO agent_run_score (run_id, scorer, version, auto, dimensions, reasons, scored_at)
        SELECT id, rlhf_scores->>'scorer', rlhf_scores->>'version', (rlhf_scores->>'auto')::float8,
            rlhf_scores->'dimensions', rlhf_scores->'reasons', (rlhf_scores->>'scored_at')::timestamptz
        FROM agent_run_log
    """)
    assert await kept(run_id) == before
    await record(run_id, judged(0.125))
    assert set(await kept(run_id)) == {*before, ("judge", "model-a")}


@pytest.mark.parametrize(
    "document",
    [
        '{"overall": 0.5}',
        '"rubric"',
        '{"scorer": "rubric", "version": "1", "auto": true, "scored_at": "2026-11-22T10:00:00Z"}',
        '{"scorer": "rubric", "version": "1", "auto": 0.5, "scored_at": "yesterday"}',
        '{"scorer": ["rubric"], "version": "1", "auto": 0.5, "scored_at": "2026-11-22T10:00:00Z"}',
    ],
)
async def test_what_another_program_shows_is_no_result(db: asyncpg.Connection, document: str) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed a leak"})
    await db.execute("UPDATE agent_run_log SET rlhf_scores = $1::jsonb", document)
    assert await kept(run_id) == {}
    await record(run_id, judged(0.125))
    assert set(await kept(run_id)) == {("judge", "model-a")}


async def test_a_judge_counts_before_the_rubric_whichever_comes_last(db: asyncpg.Connection) -> None:
    first, last = [await write_run_log("sage", {"n": n}) for n in range(2)]
    await record(first, judged(0.125))
    await score(first, last)
    await record(last, judged(0.125))
    await record(first, *(result for result in (await kept(last)).values() if result.scorer == "rubric"))
    for run_id in (first, last):
        shown = await scores(db, run_id)
        assert (shown["overall"], shown["scorer"], shown["version"]) == (0.125, "judge", "model-a")
        assert {scorer for scorer, _ in await kept(run_id)} == {"judge", "rubric"}


async def test_the_latest_of_several_judges_counts(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage")
    await record(run_id, judged(0.5, "model-b", minutes=1))
    await record(run_id, judged(0.25))
    assert (await scores(db, run_id))["version"] == "model-b"
    assert len(await kept(run_id)) == 2


async def test_a_reward_model_that_is_not_promoted_does_not_count(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    before = await scores(db, run_id)
    await record(run_id, succeeded("reward", "7", Score(0.9, {}, ()), NOW))
    assert await scores(db, run_id) == before
    assert ("reward", "7") in await kept(run_id)


async def test_a_judges_failure_takes_no_score_away_and_makes_none(db: asyncpg.Connection) -> None:
    scored, unscored = [await write_run_log("sage", {"n": n}) for n in range(2)]
    await score(scored)
    before = await scores(db, scored)
    for run_id in (scored, unscored):
        await record(run_id, failed("judge", "model-a", "no\x00 answer \ud800", NOW))
        result = (await kept(run_id))["judge", "model-a"]
        assert (result.error, result.attempts) == ("no\ufffd answer \ufffd", 1)
        assert NOW < result.retry_at < NOW + timedelta(minutes=2)
    assert await scores(db, scored) == before
    assert await scores(db, unscored) is None


async def test_recording_again_changes_nothing(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage")
    await record(run_id, judged(0.5))
    before = await scores(db, run_id), await kept(run_id)
    await record(run_id, judged(0.5))
    assert (await scores(db, run_id), await kept(run_id)) == before


async def test_ratings_decide_over_every_scorer(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage")
    async with transaction() as session:
        await rate_run(session, run_id, rater="ada", rating=0.75, comment=None)
    await record(run_id, judged(0.5))
    shown = await scores(db, run_id)
    assert (shown["overall"], shown["auto"], shown["human"]) == (0.75, 0.5, {"rating": 0.75, "raters": 1})


async def test_a_run_that_does_not_exist_is_passed_over(db: asyncpg.Connection) -> None:
    await record(uuid4(), judged(0.5))
    assert await db.fetchval("SELECT count(*) FROM agent_run_score") == 0


async def test_a_deleted_run_takes_its_results_along(db: asyncpg.Connection) -> None:
    await score(await write_run_log("sage"))
    await db.execute(UNGUARD)
    await db.execute("DELETE FROM agent_run_log")
    assert await db.fetchval("SELECT count(*) FROM agent_run_score") == 0


async def test_scorers_at_once_lose_nothing(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log(f"agent-{n % 3}", {"n": n}) for n in range(30)]

    async def judge(start: int) -> None:
        async with transaction() as session:
            await record_results(session, {run_id: [judged(0.125)] for run_id in run_ids[start::2]})

    await asyncio.gather(judge(0), score(*run_ids[::-1]), judge(1), score(*run_ids))
    async with transaction() as session:
        await score_runs(session, run_ids, wait=True)
    for run_id in run_ids:
        assert (await scores(db, run_id))["overall"] == 0.125
        assert ("judge", "model-a") in await kept(run_id)
