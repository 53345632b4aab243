"""Real Celery workers and beats: every committed run is scored in the end, whatever was down."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.services.agent_run_log_service import write_run_log
from support.brokers import Broker
from support.processes import UNHURRIED, Process, called, free_port, running
from support.receiver import receiving
from support.spans import collected

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"
SWEEP_SOON = {"RUNLOG_SCORE_SWEEP_INTERVAL": "0.5", "RUNLOG_SCORE_SWEEP_AGE": "0.2"}

Start = Callable[..., AbstractContextManager[Process]]


@pytest.fixture
def start(database: str, broker: Broker, tmp_path: Path) -> Iterator[Start]:
    """Starts a command on the test's database and broker; none of them may leave a traceback."""
    log = tmp_path / "processes.log"

    def start_process(*arguments: str) -> AbstractContextManager[Process]:
        return running(*arguments, env=SWEEP_SOON, log=log)

    yield start_process
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when `condition` holds."""
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def until_scored(db: asyncpg.Connection) -> None:
    """Return when every run has its score; an error is none."""

    async def scored() -> bool:
        return await db.fetchval(UNSCORED) == 0

    await until(scored)
    assert await db.fetchval("SELECT count(*) FROM agent_run_log WHERE rlhf_scores ? 'error'") == 0


async def test_prometheus_is_answered_by_each_and_tasks_are_traced(
    broker: Broker, database: str, tmp_path: Path
) -> None:
    """By a worker for its processes, and by beat; the worker's processes send their spans before they end."""
    ports, log = (free_port(), free_port()), tmp_path / "log"
    # Started from nothing: that they count together is settled when the library is loaded.
    traces = free_port()
    env = {**SWEEP_SOON, **UNHURRIED, "RUNLOG_TRACES_URL": f"http://127.0.0.1:{traces}"}
    commands = [
        running(*command, "--metrics-port", str(port), env=env, log=log)
        for command, port in zip((("worker", "--concurrency", "2"), ("beat",)), ports, strict=True)
    ]
    sweep = "app.tasks.rlhf_tasks.sweep_unscored_runs"
    wanted = (
        f'runlog_task_seconds_count{{outcome="success",task="{sweep}"}}',
        f'runlog_beat_sent_total{{task="{sweep}"}}',
    )
    with receiving(traces) as collector, commands[0], commands[1]:
        async with httpx.AsyncClient() as client, asyncio.timeout(120):
            for port, sample in zip(ports, wanted, strict=True):
                while True:
                    with suppress(httpx.TransportError):
                        if sample in (await client.get(f"http://127.0.0.1:{port}/metrics")).text:
                            break
                    await asyncio.sleep(0.1)
        taken = await asyncio.to_thread(called, "beat", "--metrics-port", str(ports[0]))
    assert taken.returncode == 1
    assert f"cannot serve metrics on 127.0.0.1:{ports[0]}: " in taken.stderr
    assert sweep in {span.name for span in collected(collector)}


async def test_a_posted_run_gets_its_score(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection, start: Start
) -> None:
    with start("worker", "--concurrency", "1") as worker:
        run = {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "Fixed a leak"}}
        assert (await api.post(ENDPOINT, json=run)).status_code == 204
        await until_scored(db)
        (shown,) = (await api.get(ENDPOINT)).json()["runs"]
        assert 0 <= shown["rlhf_scores"]["overall"] <= 1
        # The specification's own call, from any process that has the broker's URL.
        await db.execute("UPDATE agent_run_log SET rlhf_scores = NULL")
        code = "import sys; from app.tasks.rlhf_tasks import score_agent_run as s; s.delay(sys.argv[1])"
        caller = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, shown["id"], stderr=subprocess.PIPE
        )
        assert (await caller.communicate())[1] == b""
        assert caller.returncode == 0
        await until_scored(db)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 120) == 0
    again = (await api.get(f"{ENDPOINT}/{shown['id']}")).json()
    assert again["rlhf_scores"]["overall"] == shown["rlhf_scores"]["overall"]


async def test_runs_the_broker_missed_are_swept_up_and_two_beats_do_no_harm(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection, start: Start
) -> None:
    broker.stop()
    for n in range(30):
        run = {"agent_id": f"agent-{n % 3}", "status": "success", "actions_taken": {"n": n}}
        assert (await api.post(ENDPOINT, json=run)).status_code == 204
    assert await db.fetchval(UNSCORED) == 30
    broker.start()
    with start("beat"), start("beat"), start("worker", "--concurrency", "2"):
        await until_scored(db)
        before = await scores(db)
        await asyncio.sleep(1.5)
        assert await scores(db) == before


async def scores(db: asyncpg.Connection) -> list[Any]:
    """Every run's scores, in the order of the log."""
    rows = await db.fetch("SELECT rlhf_scores FROM agent_run_log ORDER BY created_at, id")
    return [json.loads(row["rlhf_scores"]) for row in rows]


async def test_what_a_killed_worker_was_doing_is_done_by_the_next(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection, start: Start, database: str
) -> None:
    locked = await write_run_log("sage", {"summary": "Locked"})
    for n in range(20):
        await write_run_log("sage", {"n": n})
    observer = await asyncpg.connect(database)

    async def blocked() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
        return bool(await observer.fetchval(waiting, urlsplit(database).path[1:]))

    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log WHERE id = $1 FOR UPDATE", locked)
        with start("worker", "--concurrency", "1") as worker:
            await until(blocked)
            worker.kill()
            worker.wait()
    assert await observer.fetchval(UNSCORED) > 0
    await observer.close()
    with start("worker", "--concurrency", "1"), start("beat"):
        await until_scored(db)
