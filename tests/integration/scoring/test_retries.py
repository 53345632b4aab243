"""A scorer that fails is asked again after a while, a few times, and keeps no other run waiting."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.config import get_settings
from app.db.session import transaction
from app.scoring import scorers
from app.scoring.domain.results import MAX_ATTEMPTS
from app.scoring.pipeline import score_runs, unscored_runs
from app.scoring.ratings import rate_run
from app.scoring.rubric import VERSION, RunReport, Score, score
from app.scoring.scorers import Scorer
from app.services.agent_run_log_service import write_run_log
from app.tasks.rlhf_tasks import sweep_unscored_runs

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

# As if so much time had gone by.
LET_PASS = """
    UPDATE agent_run_score SET retry_at = retry_at - $1::interval, scored_at = scored_at - $1::interval
"""


@pytest.fixture(autouse=True)
def _sweep_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_SCORE_SWEEP_AGE", "0")
    get_settings.cache_clear()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[RunReport]:
    """What the scorer was asked and failed at, while the report says `cursed`; cleared, it works again."""
    asked: list[RunReport] = []

    def fragile(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        if run.actions_taken.get("cursed"):
            asked.append(run)
            raise ZeroDivisionError("no scale")
        return score(run, history)

    monkeypatch.setattr(scorers, "score", fragile)
    return asked


async def sweep() -> None:
    """What beat asks for."""
    await asyncio.to_thread(sweep_unscored_runs.run)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    return json.loads(await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id))


async def test_a_failed_score_is_tried_again_after_growing_delays_and_then_given_up(
    db: asyncpg.Connection, broken: list[RunReport]
) -> None:
    run_id = await write_run_log("sage", {"cursed": True})
    await sweep()
    for attempt, minutes in enumerate((1, 5, 30), start=1):
        shown = await scores(db, run_id)
        assert (shown["overall"], shown["attempts"]) == (None, attempt)
        kept = await db.fetchrow("SELECT * FROM agent_run_score")
        assert kept["retry_at"] == datetime.fromisoformat(shown["retry_at"])
        delay = (kept["retry_at"] - kept["scored_at"]) / timedelta(minutes=minutes)
        assert 0.8 <= delay <= 1.2
        await db.execute(LET_PASS, timedelta(minutes=0.7 * minutes))
        await sweep()
        assert len(broken) == attempt
        await db.execute(LET_PASS, timedelta(minutes=0.6 * minutes))
        await sweep()
        assert len(broken) == attempt + 1
    shown = await scores(db, run_id)
    assert shown == {"overall": None, "error": "ZeroDivisionError: no scale", "attempts": MAX_ATTEMPTS}
    await db.execute(LET_PASS, timedelta(days=1))
    await sweep()
    assert len(broken) == MAX_ATTEMPTS


async def test_a_scorer_that_works_again_replaces_the_failure(
    db: asyncpg.Connection, broken: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await write_run_log("sage", {"cursed": True})
    await sweep()
    monkeypatch.setattr(scorers, "score", score)
    await db.execute(LET_PASS, timedelta(minutes=2))
    await sweep()
    shown = await scores(db, run_id)
    assert isinstance(shown["overall"], float)
    assert not {"error", "attempts", "retry_at"} & set(shown)
    assert await db.fetchval("SELECT count(*) FROM agent_run_score") == 0


async def test_a_message_that_comes_twice_does_not_hurry_a_retry(
    db: asyncpg.Connection, broken: list[RunReport]
) -> None:
    run_id = await write_run_log("sage", {"cursed": True})
    for wait in (False, True, False):
        async with transaction() as session:
            await score_runs(session, [run_id], wait=wait)
    assert (await scores(db, run_id))["attempts"] == 1


async def test_retries_to_come_take_no_place_in_a_sweep(
    db: asyncpg.Connection, broken: list[RunReport]
) -> None:
    for n in range(5):
        await write_run_log("sage", {"cursed": True, "n": n})
    await sweep()
    later = await write_run_log("sage", {"n": 6})
    async with transaction() as session:
        assert await unscored_runs(session, older_than=timedelta(0), limit=1) == [later]


async def test_a_rating_keeps_a_failure_from_no_retry(
    db: asyncpg.Connection, broken: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await write_run_log("sage", {"cursed": True})
    await sweep()
    async with transaction() as session:
        await rate_run(session, run_id, rater="ada", rating=0.25, comment=None)
    monkeypatch.setattr(scorers, "score", score)
    await db.execute(LET_PASS, timedelta(minutes=2))
    await sweep()
    shown = await scores(db, run_id)
    assert (shown["overall"], shown["human"]) == (0.25, {"rating": 0.25, "raters": 1})
    assert isinstance(shown["auto"], float)
    assert "error" not in shown


async def test_a_retry_is_the_next_versions_once_there_is_one(
    db: asyncpg.Connection, broken: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await write_run_log("sage", {"cursed": True})
    await sweep()
    monkeypatch.setattr(scorers, "score", score)
    monkeypatch.setattr(scorers, "VERSION", "99")
    await db.execute(LET_PASS, timedelta(minutes=2))
    await sweep()
    assert (await scores(db, run_id))["version"] == "99"
    (failure,) = await db.fetch("SELECT version, error, retry_at FROM agent_run_score")
    assert (failure["version"], failure["error"], failure["retry_at"]) == (
        VERSION,
        "ZeroDivisionError: no scale",
        None,
    )


async def test_a_scorer_beside_the_rubric_is_tried_again_too(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = False

    def model(run: RunReport, history: Sequence[RunReport]) -> Score:
        if not works:
            raise FileNotFoundError("no model")
        return Score(0.125, {}, ())

    async def both(_: object) -> list[Scorer]:
        return [Scorer("rubric", "1", score), Scorer("reward", "7", model)]

    for module in ("pipeline", "records", "rescoring"):
        monkeypatch.setattr(f"app.scoring.{module}.active_scorers", both)
    run_id = await write_run_log("sage", {"n": 1})
    await sweep()
    assert (await scores(db, run_id))["scorer"] == "rubric"
    works = True
    await sweep()
    assert (await scores(db, run_id))["scorer"] == "rubric"
    await db.execute(LET_PASS, timedelta(minutes=2))
    await sweep()
    shown = await scores(db, run_id)
    assert (shown["scorer"], shown["version"], shown["overall"]) == ("reward", "7", 0.125)


async def test_two_sweeps_at_once_try_a_failure_once_more(
    db: asyncpg.Connection, broken: list[RunReport]
) -> None:
    run_ids = [await write_run_log(f"agent-{n % 3}", {"cursed": True, "n": n}) for n in range(20)]
    await sweep()
    await db.execute(LET_PASS, timedelta(minutes=2))
    await asyncio.gather(*(sweep() for _ in range(4)))
    assert [(await scores(db, run_id))["attempts"] for run_id in run_ids] == [2] * 20
