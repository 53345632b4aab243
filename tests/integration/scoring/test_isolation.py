"""A run that ends or stops its worker is set aside after a few attempts, and the scores of others go on."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.config import get_settings
from app.db.session import transaction
from app.scoring import pipeline, scorers
from app.scoring.domain.results import MAX_ATTEMPTS, WORKER_LOST
from app.scoring.pipeline import score_runs
from app.scoring.rubric import RunReport, Score, score
from app.scoring.status import scoring_of
from app.services.agent_run_log_service import write_run_log
from app.tasks import rlhf_tasks
from app.tasks.rlhf_tasks import score_agent_runs, sweep_unscored_runs

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

LET_PASS = """
    UPDATE agent_run_score SET retry_at = retry_at - $1::interval, scored_at = scored_at - $1::interval
"""


class WorkerKilledError(BaseException):
    """As if the process ended: no transaction is committed, and nothing handles it."""


@pytest.fixture(autouse=True)
def _sweep_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_SCORE_SWEEP_AGE", "0")
    get_settings.cache_clear()


@pytest.fixture
def _deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    def deadly(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        if run.actions_taken.get("deadly"):
            raise WorkerKilledError
        return score(run, history)

    monkeypatch.setattr(scorers, "score", deadly)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    shown = await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id)
    return shown and json.loads(shown)


async def deliver(patch: pytest.MonkeyPatch, run_ids: Sequence[UUID], deaths: int) -> None:
    """Hand the message to workers until one survives it, marked as delivered again from the second on."""
    for _ in range(deaths):
        with pytest.raises(WorkerKilledError):
            await asyncio.to_thread(score_agent_runs.run, list(map(str, run_ids)))
        patch.setattr(rlhf_tasks, "_is_redelivered", lambda: True)
    await asyncio.to_thread(score_agent_runs.run, list(map(str, run_ids)))


@pytest.mark.usefixtures("_deadly")
async def test_the_others_of_a_batch_that_ends_its_worker_are_scored(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rlhf_tasks, "_is_redelivered", lambda: False)
    run_ids = [await write_run_log(f"agent-{n}", {"summary": f"Moved {n} jobs"}) for n in range(4)]
    poison = await write_run_log("poisoner", {"summary": "Moved a job", "deadly": True})
    await deliver(monkeypatch, [*run_ids[:2], poison, *run_ids[2:]], deaths=2)
    assert all([(await scores(db, run_id))["overall"] for run_id in run_ids])
    shown = await scores(db, poison)
    assert (shown["overall"], shown["error"], shown["attempts"]) == (None, WORKER_LOST, 1)
    async with transaction() as session:
        assert (await scoring_of(session, poison))["scoring"]["state"] == "error"


@pytest.mark.usefixtures("_deadly")
async def test_what_ends_every_worker_is_given_up_and_a_sweep_goes_on(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = await write_run_log("poisoner", {"summary": "Moved a job", "deadly": True})
    monkeypatch.setattr(rlhf_tasks, "_is_redelivered", lambda: True)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        with pytest.raises(WorkerKilledError):
            await asyncio.to_thread(sweep_unscored_runs.run)
        assert (await scores(db, poison))["attempts"] == attempt
        await db.execute(LET_PASS, timedelta(hours=1))
    run_id = await write_run_log("sage", {"summary": "Moved 3 jobs"})
    await asyncio.to_thread(sweep_unscored_runs.run)
    assert (await scores(db, run_id))["overall"] > 0
    assert "retry_at" not in await scores(db, poison)


async def test_a_run_whose_worker_was_lost_by_chance_gets_its_score(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rlhf_tasks, "_is_redelivered", lambda: True)
    run_id = await write_run_log("sage", {"summary": "Moved 3 jobs"})
    await asyncio.to_thread(score_agent_runs.run, [str(run_id)])
    shown = await scores(db, run_id)
    assert shown["overall"] > 0
    assert await db.fetchval("SELECT count(*) FROM agent_run_score WHERE error IS NOT NULL") == 0


async def test_a_failure_counts_once_although_its_attempt_was_counted_before(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Score:
        raise ZeroDivisionError("no scale")

    monkeypatch.setattr(scorers, "score", fail)
    monkeypatch.setattr(rlhf_tasks, "_is_redelivered", lambda: True)
    run_id = await write_run_log("sage", {"summary": "Moved 3 jobs"})
    await asyncio.to_thread(score_agent_runs.run, [str(run_id)])
    shown = await scores(db, run_id)
    assert (shown["attempts"], shown["error"]) == (1, "ZeroDivisionError: no scale")


async def test_a_scorer_is_stopped_that_takes_too_long(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        while run.actions_taken.get("stuck"):
            time.sleep(0.01)
        return score(run, history)

    monkeypatch.setattr(scorers, "score", stuck)
    monkeypatch.setattr(pipeline, "SCORE_SECONDS", 0.2)
    poison = await write_run_log("poisoner", {"stuck": True})
    run_id = await write_run_log("sage", {"summary": "Moved 3 jobs"})
    async with transaction() as session:
        assert await score_runs(session, [poison, run_id]) == 1
    assert (await scores(db, run_id))["overall"] > 0
    shown = await scores(db, poison)
    assert shown["error"].startswith("ScoringTimeoutError: ")
    assert shown["retry_at"]


async def test_a_batch_that_takes_too_long_keeps_what_it_has(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [
        await write_run_log("sage", {"summary": f"Moved {n} jobs"}) for n in range(pipeline._PAYLOADS + 5)
    ]
    clock = iter([0.0, 0.0, *[pipeline.BATCH_SECONDS + 1] * 9])
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        async with transaction() as session:
            assert await score_runs(session, run_ids) == pipeline._PAYLOADS
    assert await db.fetchval("SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL") == 5
    await asyncio.to_thread(score_agent_runs.run, list(map(str, run_ids)))
    assert await db.fetchval("SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL") == 0


async def test_a_row_of_gigabytes_is_set_aside(db: asyncpg.Connection) -> None:
    """Numbers that another program stored in a few kilobytes may be more text than PostgreSQL can write."""
    numbers = f"[{','.join(['1e130000'] * 8_300)}]"
    too_large = await db.fetchval(
        "INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('odd', $1::text::jsonb) RETURNING id",
        numbers,
    )
    others = [await write_run_log(agent, {"summary": "Rotated 3 log files"}) for agent in ("sage", "nova")]
    for _ in range(5):  # on a slow machine the row may take all the time of one or two
        await rlhf_tasks._sweep(one_by_one=False)
    assert (await scores(db, too_large))["error"] == WORKER_LOST
    assert [(await scores(db, run_id))["overall"] is not None for run_id in others] == [True, True]
