"""Group commit: of runs that arrive together each caller gets its own row, and each agent one order."""

import asyncio
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.config import get_settings
from app.db.engine import create_engine
from app.errors import IdempotencyConflictError, IngestUnavailableError, InvalidRunError
from app.runs import run as run_module
from app.runs.dispatch import Dispatcher
from app.runs.run import Run
from app.runs.writer import RunWriter
from support.replay import check_log

pytestmark = pytest.mark.anyio


def run(agent_id: str = "sage", *, silent: bool = False, actions: str | None = None) -> Run:
    """A run as the endpoint would hand it over."""
    return Run(agent_id, "success", actions or ("{}" if silent else '{"n": 1}'), None, silent)


@pytest.fixture
async def make_writer(database: str) -> AsyncIterator[object]:
    """Makes writers with connections of their own, as separate processes have them."""
    writers = []

    def make(*, queue_size: int = 10_000, batch_size: int = 256, connections: int = 3) -> RunWriter:
        engine = create_engine(database, pool_size=connections, timeout=30)
        writer = RunWriter(
            engine,
            Dispatcher(None),
            queue_size=queue_size,
            queue_bytes=1 << 26,
            batch_size=batch_size,
            connections=connections,
        )
        writers.append(writer)
        return writer

    yield make
    for writer in writers:
        await writer.close()


async def test_three_writers_and_twenty_agents_agree_on_every_count(make_writer, db) -> None:
    writers = [make_writer(), make_writer(connections=1), make_writer(batch_size=7)]
    agents = [f"agent-{n}" for n in range(20)]
    chance = random.Random(7)
    runs = [run(chance.choice(agents), silent=chance.random() < 0.7) for _ in range(2000)]

    async def write(number: int, one: Run) -> None:
        await asyncio.sleep(chance.random() / 5)
        assert await writers[number % 3].write(one) == one.id

    await asyncio.gather(*(write(number, one) for number, one in enumerate(runs)))
    assert await check_log(db) == 2000
    assert {row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")} == {one.id for one in runs}


async def test_the_digest_of_a_large_report_is_made_once_and_not_by_the_event_loop(
    make_writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = []
    encode = run_module._canonical

    def canonical(value: object) -> bytes:
        makers.append(threading.get_ident())
        return encode(value)

    monkeypatch.setattr(run_module, "_canonical", canonical)
    writer = make_writer()
    first, again, other = (
        Run("sage", "success", f'{{"n": "{text * 100_000}"}}', None, silent=False, idempotency_key="key")
        for text in ("a", "a", "b")
    )
    assert await writer.write(first) == await writer.write(again) == first.id
    with pytest.raises(IdempotencyConflictError):
        await writer.write(other)
    assert len(makers) == 3
    assert threading.get_ident() not in makers


SCRIPT = """
import asyncio, random, sys
from app.services.agent_run_log_service import write_run_log

async def main(seed):
    chance = random.Random(seed)
    async def one():
        await asyncio.sleep(chance.random() / 2)
        silent = chance.random() < 0.7
        run_id = await write_run_log(f"agent-{chance.randrange(20)}", {} if silent else {"seed": seed})
        print(run_id)
    await asyncio.gather(*(one() for _ in range(500)))

asyncio.run(main(int(sys.argv[1])))
"""


async def test_two_processes_agree_on_every_count(db, tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text(SCRIPT, encoding="utf-8")
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(script), str(seed), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for seed in (1, 2)
    ]
    outputs = [await process.communicate() for process in processes]
    assert [errors for _, errors in outputs] == [b"", b""]
    printed = {UUID(line) for output, _ in outputs for line in output.decode().split()}
    assert {row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")} == printed
    assert await check_log(db) == 1000


async def test_runs_of_one_caller_are_logged_in_its_order(make_writer, db) -> None:
    writer = make_writer(batch_size=5)
    runs = [run(silent=number % 3 > 0) for number in range(60)]
    for one in runs:
        await writer.write(one)
    stored = await db.fetch("SELECT id FROM agent_run_log ORDER BY created_at")
    assert [row["id"] for row in stored] == [one.id for one in runs]
    await check_log(db)


async def test_waiting_runs_share_a_commit(make_writer, db) -> None:
    writer = make_writer(connections=1)
    await asyncio.gather(*(writer.write(run(f"agent-{n}")) for n in range(200)))
    # All of one turn of the event loop go together, and so does what gathers during a commit.
    commits = await db.fetchval("SELECT count(DISTINCT xmin::text) FROM agent_run_log")
    assert commits == 1


@pytest.mark.parametrize("position", [0, 1, 17, 49])
async def test_a_refused_run_fails_alone(make_writer, db, position: int) -> None:
    await db.execute("ALTER TABLE agent_run_log ADD CHECK (NOT actions_taken ? 'poison')")
    writer = make_writer(connections=1)
    runs = [run(f"agent-{n % 3}", silent=n % 2 > 0) for n in range(50)]
    runs[position] = run("agent-0", actions='{"poison": 1}')
    answers = await asyncio.gather(*(writer.write(one) for one in runs), return_exceptions=True)
    refusal = answers.pop(position)
    assert isinstance(refusal, InvalidRunError)
    assert "the database refuses this run" in str(refusal)
    del runs[position]
    assert answers == [one.id for one in runs]
    assert await check_log(db) == 49


async def test_a_trigger_that_raises_refuses_its_run_alone(make_writer, db) -> None:
    await db.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.agent_id = 'bad' THEN RAISE EXCEPTION 'not today'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON agent_run_log FOR EACH ROW EXECUTE FUNCTION refuse()
    """)
    writer = make_writer(connections=1)
    runs = [run("bad" if n in (3, 8) else "good") for n in range(12)]
    answers = await asyncio.gather(*(writer.write(one) for one in runs), return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, InvalidRunError)] == [3, 8]
    assert await check_log(db) == 10


async def test_a_full_queue_is_an_error_at_once_and_what_waits_is_committed(make_writer, db) -> None:
    writer = make_writer(queue_size=5, connections=1)
    async with db.transaction():
        await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
        waiting = [asyncio.create_task(writer.write(run()))]
        await asyncio.sleep(0.01)
        waiting += [asyncio.create_task(writer.write(run())) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(IngestUnavailableError, match="queue is full"):
            await writer.write(run())
    assert len(set(await asyncio.gather(*waiting))) == 6
    assert await check_log(db) == 6


async def test_a_full_queue_is_answered_503_with_retry_after(
    api, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_INGEST_QUEUE_SIZE", "1")
    monkeypatch.setenv("RUNLOG_INGEST_CONNECTIONS", "1")
    get_settings.cache_clear()
    body = {"agent_id": "sage", "status": "success"}
    async with db.transaction():
        await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
        posts = [asyncio.create_task(api.post("/api/v1/internal/agent-run-log", json=body)) for _ in range(5)]
        done, _ = await asyncio.wait(posts, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert "queue is full" in refused.json()["detail"]
    statuses = [answer.status_code for answer in await asyncio.gather(*posts)]
    assert set(statuses) == {204, 503}
    assert await check_log(db) == statuses.count(204)


async def test_a_caller_that_gives_up_harms_nobody(make_writer, db) -> None:
    writer = make_writer(connections=1)
    async with db.transaction():
        await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
        tasks = [asyncio.create_task(writer.write(run(f"agent-{n % 2}"))) for n in range(20)]
        await asyncio.sleep(0.05)
        for task in tasks[::3]:
            task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers[::3]] == [asyncio.CancelledError] * 7
    stored = {row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")}
    assert {answer for answer in answers if isinstance(answer, UUID)} <= stored
    await check_log(db)


async def test_drain_waits_until_everybody_is_answered(make_writer, db) -> None:
    writer = make_writer(connections=1, batch_size=10)
    tasks = [asyncio.create_task(writer.write(run())) for _ in range(100)]
    await asyncio.sleep(0)
    await writer.drain()
    assert await check_log(db) == 100
    assert len(set(await asyncio.gather(*tasks))) == 100


async def test_a_clock_set_back_does_not_date_runs_in_the_future_for_ever(make_writer, db) -> None:
    writer = make_writer()
    await writer.write(run())
    await db.execute("UPDATE agent_run_state SET last_created_at = now() + interval '30 seconds'")
    await writer.write(run())
    ahead = await db.fetchval("SELECT max(created_at) - now() FROM agent_run_log")
    assert 20 < ahead.total_seconds() <= 31  # within a minute the order of the runs comes first
    await db.execute("UPDATE agent_run_state SET last_created_at = now() + interval '1 year'")
    last = await writer.write(run())
    assert await db.fetchval("SELECT created_at <= clock_timestamp() FROM agent_run_log WHERE id = $1", last)


async def test_runs_after_a_small_step_back_of_the_clock_stay_in_order(make_writer, db) -> None:
    writer = make_writer()
    await writer.write(run())
    await db.execute("UPDATE agent_run_state SET last_created_at = last_created_at + interval '30 seconds'")
    ahead = await db.fetchval("SELECT last_created_at FROM agent_run_state")
    ids = [await writer.write(run()) for _ in range(3)]
    times = [await db.fetchval("SELECT created_at FROM agent_run_log WHERE id = $1", each) for each in ids]
    assert all(earlier < later for earlier, later in pairwise([ahead, *times]))
