"""The database goes away: no run is lost, none is doubled, and no caller gets an id without a row."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import get_settings
from app.db.engine import create_engine
from app.db.session import close_database
from app.errors import IngestUnavailableError
from app.runs import connection as connection_module
from app.runs.dispatch import Dispatcher
from app.runs.run import Run
from app.runs.writer import RunWriter, close_writer
from support.processes import free_port
from support.proxy import proxied
from support.replay import check_log

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = {"agent_id": "sage", "status": "success", "actions_taken": {"n": 1}}
TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'agent-run-log'
"""


def run(agent_id: str = "sage", key: str | None = None) -> Run:
    """A run as the endpoint would hand it over."""
    return Run(agent_id, "success", '{"n": 1}', None, False, key)


@asynccontextmanager
async def writing_to(
    url: str, *, statement_timeout: float = 30, connections: int = 3, queue_bytes: int = 1 << 26
) -> AsyncIterator[RunWriter]:
    """A writer with connections of its own, which cancels a statement after `statement_timeout` seconds."""
    writer = RunWriter(
        create_engine(url, pool_size=connections, timeout=statement_timeout),
        Dispatcher(None),
        queue_size=10_000,
        queue_bytes=queue_bytes,
        batch_size=16,
        connections=connections,
    )
    yield writer
    await writer.close()


async def stored(db: asyncpg.Connection) -> list[UUID]:
    """The ids of all runs."""
    return [row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")]


async def test_an_unreachable_database_is_an_error_soon(database: str) -> None:
    url = urlsplit(database)._replace(netloc=f"u:p@127.0.0.1:{free_port()}").geturl()
    started = time.monotonic()
    async with writing_to(url) as writer:
        answers = await asyncio.gather(*(writer.write(run()) for _ in range(50)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {IngestUnavailableError}
    assert time.monotonic() - started < 30


async def test_a_server_that_makes_no_sense_keeps_no_run_from_looking_for_the_database() -> None:
    connected = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        await reader.read(100)
        if connected > 1:  # the first is hung up on; then it is ready before it has said which version it is
            writer.write(b"Z\0\0\0\x05I")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with writing_to(f"postgresql://u:p@127.0.0.1:{port}/none?sslmode=disable") as writer:
            for _ in range(100):
                with pytest.raises(IngestUnavailableError):
                    await writer.write(run())
                if connected > 2:
                    break
                await asyncio.sleep(0.05)
    assert connected > 2


async def test_an_error_amid_a_transaction_loses_no_later_run(
    database: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError

    async with writing_to(database, connections=1) as writer:
        first = await writer.write(run(key="used"))
        with monkeypatch.context() as broken:
            broken.setattr("app.runs.statements._claim", fail)
            with pytest.raises(IngestUnavailableError):
                await writer.write(run(key="used"))
        later = await writer.write(run())
    assert sorted(await stored(db)) == sorted([first, later])


async def test_the_endpoints_answer_503_while_the_database_is_away_and_work_when_it_is_back(
    api: httpx.AsyncClient, database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await api.post(ENDPOINT, json=RUN)).status_code == 204
    await close_writer()
    await close_database()
    away = urlsplit(database)._replace(netloc=f"u:p@127.0.0.1:{free_port()}").geturl()
    monkeypatch.setenv("DATABASE_URL", away)
    get_settings.cache_clear()
    for method, path, body in (
        ("POST", ENDPOINT, RUN),
        ("GET", ENDPOINT, None),
        ("GET", f"{ENDPOINT}/9b2d4c1e-0000-4000-8000-000000000000", None),
        ("POST", f"{ENDPOINT}/9b2d4c1e-0000-4000-8000-000000000000/feedback", {"rating": 1, "rater": "a"}),
        ("POST", "/api/v1/internal/agent-run-start", {"agent_id": "sage"}),
        ("POST", "/api/v1/internal/peer-swarm/heartbeat", {"agent_id": "sage"}),
        ("POST", "/api/v1/internal/agent-cloud/tasks", {"task_id": "t", "status": "failed"}),
        ("GET", "/api/v1/public/platform/intelligence", None),
    ):
        answer = await api.request(method, path, json=body)
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), path
        assert answer.json() == {"detail": "the database is not available"}
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    await close_writer()
    await close_database()
    monkeypatch.setenv("DATABASE_URL", database)
    get_settings.cache_clear()
    assert (await api.post(ENDPOINT, json=RUN)).status_code == 204


@pytest.mark.parametrize("statement", ["DROP TABLE agent_run_log CASCADE", "DROP TABLE agent_run_state"])
async def test_a_missing_table_is_a_503_and_no_204(
    api: httpx.AsyncClient, db: asyncpg.Connection, statement: str
) -> None:
    await db.execute(statement)
    answer = await api.post(ENDPOINT, json=RUN)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


async def test_terminated_connections_lose_and_double_nothing(database: str, db: asyncpg.Connection) -> None:
    runs = [run(f"agent-{n % 7}", key=f"key-{n}" if n % 4 == 0 else None) for n in range(1500)]
    refused = []

    async def write(writer: RunWriter, number: int, one: Run) -> None:
        await asyncio.sleep(number / 1000)
        try:
            assert await writer.write(one) == one.id
        except IngestUnavailableError:
            refused.append(one)

    async with writing_to(database) as writer:
        writes = asyncio.gather(*(write(writer, number, one) for number, one in enumerate(runs)))
        killed = 0
        while not writes.done():
            killed += await db.fetchval(TERMINATE)
            await asyncio.sleep(0.1)
        await writes
        assert killed >= 10
        assert not set(await stored(db)) & {one.id for one in refused}
        await asyncio.gather(*(writer.write(one) for one in refused))
    assert sorted(await stored(db)) == sorted(one.id for one in runs)
    assert await check_log(db) == 1500


WAITING_COMMITS = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON agent_run_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()
"""


@pytest.mark.parametrize(("count", "key"), [(1, None), (10, None), (1, "key")])
async def test_a_commit_whose_answer_was_lost_is_found_again(
    database: str, db: asyncpg.Connection, count: int, key: str | None
) -> None:
    await db.execute(WAITING_COMMITS)
    runs = [run(key=key) for _ in range(count)]
    async with proxied(database) as (proxy, url), writing_to(url) as writer:
        await db.execute("SELECT pg_advisory_lock(1)")
        tasks = [asyncio.create_task(writer.write(one)) for one in runs]
        await until_waiting(database, 1)
        # The server goes on with its commit; only its answer is lost.
        proxy.cut()
        await until_waiting(database, 2)
        await db.execute("SELECT pg_advisory_unlock(1)")
        assert await asyncio.gather(*tasks) == [one.id for one in runs]
    assert await check_log(db) == count


async def test_who_may_be_in_the_log_waits_for_the_database_to_say_so(
    database: str, db: asyncpg.Connection
) -> None:
    await db.execute(WAITING_COMMITS)
    one, other = run(), run("other")
    async with proxied(database) as (proxy, url), writing_to(url) as writer:
        await db.execute("SELECT pg_advisory_lock(1)")
        sent = asyncio.create_task(writer.write(one))
        await until_waiting(database, 1)
        proxy.go_away()
        await db.execute("SELECT pg_advisory_unlock(1)")
        with pytest.raises(IngestUnavailableError):
            await writer.write(other)
        assert not sent.done()
        proxy.come_back()
        assert await sent == one.id
    assert await stored(db) == [one.id]


async def test_while_the_database_is_away_runs_are_refused_at_once_and_then_recorded(
    database: str, db: asyncpg.Connection
) -> None:
    async with proxied(database) as (proxy, url), writing_to(url) as writer:
        proxy.go_away()
        with pytest.raises(IngestUnavailableError):
            await writer.write(run())
        for _ in range(100):
            with pytest.raises(IngestUnavailableError, match="not available"):
                writer.submit(run(), asyncio.Future())
        proxy.come_back()
        async with asyncio.timeout(120):
            while True:
                try:
                    accepted = await writer.write(run())
                except IngestUnavailableError:
                    await asyncio.sleep(0.01)
                else:
                    break
    assert await stored(db) == [accepted]


async def test_a_run_that_would_wait_for_too_long_is_refused_and_not_committed_later(
    database: str, db: asyncpg.Connection
) -> None:
    async with writing_to(database, connections=1) as writer:
        async with db.transaction():
            await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
            first = asyncio.create_task(writer.write(run()))
            await until_waiting(database, 1)
            with pytest.raises(IngestUnavailableError, match="slow"):
                await writer.write(run("other"))
            assert not first.done()
        accepted = await first
    assert await stored(db) == [accepted]


@pytest.mark.parametrize(
    ("text", "summary"),
    [("x" * 900, None), ("x" * 450, "x" * 450), ("\U0001f44d" * 225, None), ("\U0001f44d" + "x" * 225, None)],
)
async def test_the_queue_is_bounded_in_bytes(
    database: str, db: asyncpg.Connection, text: str, summary: str | None
) -> None:
    big = Run("sage", "success", json.dumps({"text": text}, ensure_ascii=False), summary, False)
    async with writing_to(database, connections=1, queue_bytes=1000) as writer, db.transaction():
        await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
        first = asyncio.create_task(writer.write(run()))
        await until_waiting(database, 1)
        second = asyncio.create_task(writer.write(big))
        await asyncio.sleep(0)
        with pytest.raises(IngestUnavailableError, match="full"):
            await writer.write(big)
    assert sorted(await stored(db)) == sorted([await first, await second])


async def test_an_agent_whose_row_is_locked_delays_no_other(database: str, db: asyncpg.Connection) -> None:
    async with writing_to(database) as writer:
        await writer.write(run("sage"))
        async with db.transaction():
            await db.execute("SELECT FROM agent_run_state WHERE agent_id = 'sage' FOR UPDATE")
            in_doubt = asyncio.create_task(writer.write(run("sage")))
            await until_waiting(database, 1)
            await writer.write(run("nova"))
            assert not in_doubt.done()
        await in_doubt


async def until_waiting(database: str, count: int) -> None:
    """Return when so many statements of the product wait for a lock."""
    observer = await asyncpg.connect(database)
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'agent-run-log' AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(120):
        while await observer.fetchval(waiting) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await observer.close()


async def test_a_statement_that_takes_too_long_is_given_up_and_not_committed_later(
    database: str, db: asyncpg.Connection
) -> None:
    async with writing_to(database, statement_timeout=0.5) as writer:
        async with db.transaction():
            await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
            with pytest.raises(IngestUnavailableError):
                await writer.write(run())
        accepted = await writer.write(run())
    assert await stored(db) == [accepted]


async def test_callers_have_their_answer_before_a_server_that_hangs_has_hung_up(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, close = asyncio.Event(), connection_module._close

    async def wait_and_close(connection: AsyncConnection) -> None:
        await closed.wait()
        await close(connection)

    monkeypatch.setattr(connection_module, "_close", wait_and_close)
    async with proxied(database) as (proxy, url), writing_to(url, statement_timeout=0.5) as writer:
        await writer.write(run())
        proxy.stall()
        with pytest.raises(IngestUnavailableError):
            await writer.write(run())
        proxy.resume()
        await writer.write(run())
        closed.set()


async def test_a_batch_is_answered_in_time_however_many_statements_it_takes(
    database: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.writer.ANSWER_SECONDS", 0.5)
    async with writing_to(database, statement_timeout=120) as writer:
        async with db.transaction():
            await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
            with pytest.raises(IngestUnavailableError):
                await writer.write(run())
        monkeypatch.undo()
        accepted = await writer.write(run())
    assert await stored(db) == [accepted]


async def test_a_batch_in_doubt_is_answered_in_time(
    database: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute(WAITING_COMMITS)
    monkeypatch.setattr("app.runs.writer.ANSWER_SECONDS", 0.5)
    async with proxied(database) as (proxy, url), writing_to(url, statement_timeout=120) as writer:
        await db.execute("SELECT pg_advisory_lock(1)")
        sent = asyncio.create_task(writer.write(run()))
        await until_waiting(database, 1)
        proxy.go_away()
        with pytest.raises(IngestUnavailableError):
            await sent
        await db.execute("SELECT pg_advisory_unlock(1)")
        proxy.come_back()
