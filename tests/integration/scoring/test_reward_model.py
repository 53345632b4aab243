"""From ratings to a model in force and back, on a real database and with real workers."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from celery import Celery
from simulated_raters import make_raters, ratings_of, worth
from simulated_reports import simulated_reports

from app.broker import celery_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.models import RewardModelVersion
from app.scoring.backfills import backfill_chunk, open_system_backfills
from app.scoring.domain.results import succeeded
from app.scoring.pipeline import score_runs
from app.scoring.records import record_results, results_of_run
from app.scoring.reward.features import RUBRIC
from app.scoring.reward_models import version_in_force
from app.scoring.reward_rollout import roll_back
from app.scoring.reward_training import is_due, lock_training, read_features, train_now
from app.scoring.rubric import VERSION, RunReport, Score, score
from app.services.agent_run_log_service import write_run_log
from support.brokers import Broker
from support.log_changes import UNGUARD
from support.processes import Process, running

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
BRIEF = {"summary": "Fixed it"}


@cache
def simulated() -> list[RunReport]:
    """Runs to be rated."""
    return simulated_reports(240, seed=5)


@cache
def taste() -> list[float]:
    """How much they are worth to people who love brevity."""
    return worth("brevity", simulated(), [score(run) for run in simulated()])


async def score_now(*run_ids: UUID) -> None:
    """Score runs in a transaction of their own, as the task does."""
    async with transaction() as session:
        await score_runs(session, run_ids)


async def report(count: int = 240) -> list[UUID]:
    """Record that many runs and have the rubric score them."""
    run_ids = await asyncio.gather(
        *(write_run_log(run.agent_id, dict(run.actions_taken), run.status) for run in simulated()[:count])
    )
    await score_now(*run_ids)
    return run_ids


async def rate(db: asyncpg.Connection, run_ids: list[UUID]) -> None:
    """Ratings of all runs by people who love brevity, as the API keeps them."""
    given = ratings_of(taste(), make_raters(3, 1), len(run_ids), 1)
    rows = [(run_ids[each.run], each.rater, each.rating) for each in given]
    await db.executemany("INSERT INTO agent_run_feedback (run_id, rater, rating) VALUES ($1, $2, $3)", rows)


async def train() -> RewardModelVersion | None:
    async with transaction() as session:
        assert await lock_training(session)
        return await train_now(session)


async def in_force() -> int | None:
    async with transaction() as session:
        return await version_in_force(session)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    return json.loads(await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id))


async def results(db: asyncpg.Connection, run_id: UUID) -> Mapping[tuple[str, str], float]:
    """What every scorer made of the run."""
    async with transaction() as session:
        found = await results_of_run(session, run_id, await scores(db, run_id))
    return {result.kind: result.auto for result in found if result.auto is not None}


@pytest.mark.parametrize("judged", [False, True])
async def test_it_learns_from_the_rubrics_result_wherever_that_is_kept(
    db: asyncpg.Connection, judged: bool
) -> None:
    run_id = await write_run_log("sage", BRIEF)
    await score_now(run_id)
    await db.execute("UPDATE agent_run_log SET rlhf_scores = jsonb_set(rlhf_scores, '{auto}', '0.125')")
    if judged:
        verdict = succeeded("judge", "m", Score(0.75, {}, ()), datetime.now(UTC))
        async with transaction() as session:
            await record_results(session, {run_id: [verdict]})
    async with transaction() as session:
        features = await read_features(session, [run_id])
    assert features[run_id].measures[RUBRIC] == 0.125


async def test_ratings_train_a_model_that_scores_new_runs(db: asyncpg.Connection) -> None:
    await rate(db, await report())
    trained = await train()
    assert trained is not None
    assert (trained.version, trained.state, trained.ratings) == (1, "promoted", 240)
    run_id = await write_run_log("sage", BRIEF)
    await score_now(run_id)
    shown, kept = await scores(db, run_id), await results(db, run_id)
    assert (shown["scorer"], shown["version"]) == ("reward", "1")
    assert kept == {("rubric", VERSION): kept["rubric", VERSION], ("reward", "1"): shown["auto"]}
    assert shown["auto"] > kept["rubric", VERSION]
    assert shown["reasons"][0].startswith("people's ratings: ")
    assert set(shown["dimensions"]) == set(score(simulated()[0]).dimensions)
    # One of another rubric is not in force.
    await db.execute("UPDATE reward_model SET rubric = 'older'")
    assert await in_force() is None
    async with transaction() as session:
        assert await is_due(session, after=240)


async def finish_backfills() -> None:
    """Do all that the system's open backfills still have to do."""
    async with transaction() as session:
        (backfill_id,) = await open_system_backfills(session)
    finished = False
    while not finished:
        async with transaction() as session:
            finished = (await backfill_chunk(session, backfill_id)).finished_at is not None


async def test_recent_runs_always_show_what_is_in_force(db: asyncpg.Connection) -> None:
    async def shown() -> list[tuple[str, str]]:
        scored_by = "SELECT DISTINCT rlhf_scores ->> 'scorer', rlhf_scores ->> 'version' FROM agent_run_log"
        return [tuple(row) for row in await db.fetch(scored_by)]

    run_ids = await report()
    before = [await scores(db, run_id) for run_id in run_ids]
    await rate(db, run_ids)
    await train()
    await finish_backfills()
    assert await shown() == [("reward", "1")]
    for version, by in ((None, ("rubric", VERSION)), (1, ("reward", "1")), (None, ("rubric", VERSION))):
        async with transaction() as session:
            await roll_back(session, version)
        await finish_backfills()
        assert await shown() == [by]
    after = [await scores(db, run_id) for run_id in run_ids]
    assert [of["auto"] for of in after] == [of["auto"] for of in before]
    assert all("human" in of for of in after)


async def test_a_rollback_takes_effect_at_once_and_leaves_ratings_alone(db: asyncpg.Connection) -> None:
    await rate(db, await report())
    await train()
    ratings = await db.fetch("SELECT * FROM agent_run_feedback ORDER BY run_id, rater")
    assert await in_force() == 1
    async with transaction() as session:
        assert await roll_back(session, None) is None
    assert await in_force() is None
    # Before the promotion's backfill is done.
    rows = await db.fetch("SELECT scorer, version FROM score_backfill WHERE finished_at IS NULL")
    assert [tuple(row) for row in rows] == [("rubric", VERSION)]
    run_id = await write_run_log("sage", BRIEF)
    await score_now(run_id)
    assert (await scores(db, run_id))["scorer"] == "rubric"
    assert await db.fetch("SELECT * FROM agent_run_feedback ORDER BY run_id, rater") == ratings
    state = await db.fetchrow("SELECT state, promoted_at, withdrawn_at FROM reward_model")
    assert state["state"] == "withdrawn"
    assert state["promoted_at"] <= state["withdrawn_at"]
    await check_going_back_to_a_version_and_forth(db)


async def check_going_back_to_a_version_and_forth(db: asyncpg.Connection) -> None:
    """Of three further versions one was rejected, and may not come into force."""
    copy = """
        INSERT INTO reward_model
            (version, state, rubric, rated_until, ratings, raters, runs, parameters, report)
        SELECT $1, $2, rubric, rated_until, ratings, raters, runs, parameters, report
        FROM reward_model WHERE version = 1
    """
    for version, state in ((2, "promoted"), (3, "rejected"), (4, "promoted")):
        await db.execute(copy, version, state)
    assert await in_force() == 4
    for wanted, found in ((None, 2), (1, 1), (4, 4), (2, 2), (None, 1), (None, None)):
        async with transaction() as session:
            assert await roll_back(session, wanted) == found
        assert await in_force() == found
    for never in (None, 3, 99):
        with pytest.raises(NotFoundError):
            async with transaction() as session:
                await roll_back(session, never)


async def test_it_is_due_when_enough_ratings_are_new_or_changed(db: asyncpg.Connection) -> None:
    async def due(after: int) -> bool:
        async with transaction() as session:
            return await is_due(session, after=after)

    assert not await due(1)
    run_ids = await report()
    await rate(db, run_ids)
    assert await due(240)
    assert not await due(241)
    await train()
    assert not await due(1)
    await db.execute(
        "UPDATE agent_run_feedback SET rating = 0, updated_at = now() WHERE run_id = $1", run_ids[0]
    )
    assert await due(1)
    assert not await due(2)


async def test_too_few_ratings_leave_no_version(db: asyncpg.Connection) -> None:
    assert await train() is None
    await rate(db, (await report(10)))
    assert await train() is None
    assert await db.fetchval("SELECT count(*) FROM reward_model") == 0


async def test_two_trainings_never_go_at_once(database: str) -> None:
    async with transaction() as one, transaction() as other:
        assert await lock_training(one)
        assert not await lock_training(other)


async def test_training_learns_from_rows_that_other_programs_wrote(db: asyncpg.Connection) -> None:
    run_ids = await report()
    await rate(db, run_ids)
    for run_id, payload in zip(run_ids, ("null", "[1]", '"text"', "5"), strict=False):
        await db.execute(UNGUARD)
        await db.execute(
            "UPDATE agent_run_log SET actions_taken = $2::text::jsonb WHERE id = $1", run_id, payload
        )
    trained = await train()
    assert trained is not None
    assert trained.runs == 240


Start = Callable[..., AbstractContextManager[Process]]


@pytest.fixture
def start(database: str, broker: Broker, tmp_path: Path) -> Iterator[Start]:
    """Starts a command on the test's database and broker; none of them may leave a traceback."""
    log = tmp_path / "processes.log"
    yield lambda *arguments: running(*arguments, env={"RUNLOG_REWARD_TRAIN_AFTER": "100"}, log=log)
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when `condition` holds."""
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def send_training(broker: Broker) -> None:
    """Send what beat sends."""
    with Celery(set_as_current=False) as sender:
        sender.conf.update(celery_settings(broker.url))
        sender.send_task("app.tasks.reward_tasks.train_reward_model")


async def test_ratings_by_http_change_how_a_running_worker_scores(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection, start: Start
) -> None:
    run_ids = await report()
    for each in ratings_of(taste(), make_raters(3, 1), len(run_ids), 1):
        rating = {"rater": each.rater, "rating": each.rating}
        answer = await api.post(f"{ENDPOINT}/{run_ids[each.run]}/feedback", json=rating)
        assert answer.status_code == 204

    async def scorer_of_new_run() -> str:
        run = {"agent_id": "sage", "status": "success", "actions_taken": BRIEF}
        assert (await api.post(ENDPOINT, json=run)).status_code == 204
        newest = "SELECT rlhf_scores ->> 'scorer' FROM agent_run_log ORDER BY created_at DESC LIMIT 1"
        await until(lambda: scored(db))
        found: str = await db.fetchval(newest)
        return found

    with start("worker", "--concurrency", "1"):
        assert await scorer_of_new_run() == "rubric"
        send_training(broker)
        await until(lambda: promoted(db))
        assert await scorer_of_new_run() == "reward"
        with start("score", "rollback") as command:
            assert await asyncio.to_thread(command.wait, 120) == 0
        assert await scorer_of_new_run() == "rubric"
    assert await db.fetchval("SELECT count(*) FROM agent_run_feedback") == len(run_ids)


async def scored(db: asyncpg.Connection) -> bool:
    return bool(await db.fetchval("SELECT count(*) = 0 FROM agent_run_log WHERE rlhf_scores IS NULL"))


async def promoted(db: asyncpg.Connection) -> bool:
    return bool(await db.fetchval("SELECT count(*) FROM reward_model WHERE state = 'promoted'"))


async def test_a_killed_training_leaves_nothing_and_the_next_one_works(
    broker: Broker, db: asyncpg.Connection, start: Start
) -> None:
    await rate(db, await report())
    holding = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    holding += " WHERE locktype = 'advisory' AND datname = current_database()"

    async def training() -> bool:
        return bool(await db.fetchval(holding))

    with start("worker", "--concurrency", "1") as worker:
        send_training(broker)
        await until(training)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert await db.fetchval("SELECT count(*) FROM reward_model") == 0

    async def ended() -> bool:
        return not await training()

    await until(ended)
    assert (await train()) is not None
