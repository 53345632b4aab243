"""The tasks that score: what they leave to whom, and how a backlog is worked off."""

import asyncio

import asyncpg
import pytest

from app.config import get_settings
from app.services.agent_run_log_service import write_run_log
from app.tasks import rlhf_tasks
from app.tasks.rlhf_tasks import score_agent_runs, sweep_unscored_runs

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

BACKLOG = "INSERT INTO agent_run_log (agent_id) SELECT 'agent-' || n % 3 FROM generate_series(1, 30) AS n"
SCORED = "SELECT count(rlhf_scores) FROM agent_run_log"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rlhf_tasks, "BATCH_SIZE", 10)
    monkeypatch.setenv("RUNLOG_SCORE_SWEEP_AGE", "0")
    get_settings.cache_clear()


async def test_a_sweep_scores_what_is_left_itself_without_a_broker(db: asyncpg.Connection) -> None:
    await db.execute(BACKLOG)
    await asyncio.to_thread(sweep_unscored_runs.run)
    assert await db.fetchval(SCORED) == 30


async def test_a_backlog_is_worked_off_over_several_sweeps(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_SCORE_SWEEP_INTERVAL", "0.000001")
    get_settings.cache_clear()
    await db.execute(BACKLOG)
    for scored in (10, 20, 30, 30):
        await asyncio.to_thread(sweep_unscored_runs.run)
        assert await db.fetchval(SCORED) == scored


async def test_a_sweep_waits_for_nobody(db: asyncpg.Connection) -> None:
    await db.execute(BACKLOG)
    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log LIMIT 4 FOR UPDATE")
        await asyncio.to_thread(sweep_unscored_runs.run)
        assert await db.fetchval(SCORED) == 26


async def test_a_task_waits_for_a_run_that_somebody_holds(db: asyncpg.Connection) -> None:
    run_ids = [str(await write_run_log("sage", {"n": n})) for n in range(25)]
    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log WHERE id = $1 FOR UPDATE", run_ids[3])
        task = asyncio.create_task(asyncio.to_thread(score_agent_runs.run, run_ids))
        while await db.fetchval(SCORED) < 24:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await task
    assert await db.fetchval(SCORED) == 25


REFUSED = (
    "ALTER TABLE agent_run_log ADD CONSTRAINT ours CHECK (agent_id <> 'odd' OR status <> 'failed') NOT VALID"
)


@pytest.mark.parametrize("one_by_one", [False, True])
async def test_a_run_whose_score_the_database_refuses_keeps_no_other_from_its_score(
    db: asyncpg.Connection, one_by_one: bool
) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id, status) VALUES ('odd', 'failed')")
    await db.execute(BACKLOG)
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, status) VALUES ('odd', 'failed'), ('odd', 'success')"
    )
    await db.execute(REFUSED)
    await asyncio.to_thread(sweep_unscored_runs.run, one_by_one=one_by_one)
    assert await db.fetchval(SCORED) == 31


async def test_a_message_with_a_run_whose_score_is_refused_scores_the_others(db: asyncpg.Connection) -> None:
    run_ids = [
        str(await write_run_log("odd", {"n": n}, "failed" if n == 3 else "success")) for n in range(25)
    ]
    await db.execute(REFUSED)
    await asyncio.to_thread(score_agent_runs.run, run_ids)
    assert await db.fetchval(SCORED) == 24
