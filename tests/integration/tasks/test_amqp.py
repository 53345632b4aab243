"""Real workers on RabbitMQ: two of one host, whatever type its queues have.

Set RUNLOG_TEST_AMQP_URL to a virtual host whose queues may be deleted; without it these tests are skipped.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import httpx
import pytest
from celery import Celery
from kombu import Connection, Queue
from kombu.exceptions import ChannelError

from app.broker import JUDGE_QUEUE, URGENT_QUEUES, WORKER_QUEUES, are_waiting, celery_settings
from app.config import get_settings
from support.processes import eventually, running

pytestmark = pytest.mark.anyio

# Read before a test's settings are taken away.
AMQP_URL = os.environ.get("RUNLOG_TEST_AMQP_URL", "")
ENDPOINT = "/api/v1/internal/agent-run-log"
SCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NOT NULL"
UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"


def queue_type(connection: Connection, name: str) -> str:
    """Of a queue that there is: declaring it with another one is an error."""
    for wanted in ("quorum", "classic"):
        with connection.channel() as channel, suppress(ChannelError):
            Queue(name, name, name, channel=channel, queue_arguments={"x-queue-type": wanted}).declare()
            return wanted
    return "another"


@pytest.fixture
def amqp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection to RabbitMQ, which has none of the product's queues; the settings point at it."""
    if not AMQP_URL:
        pytest.skip("RUNLOG_TEST_AMQP_URL is not set")
    monkeypatch.setenv("CELERY_BROKER_URL", AMQP_URL)
    get_settings.cache_clear()
    with Connection(AMQP_URL) as connection:
        for name in (*WORKER_QUEUES, JUDGE_QUEUE):
            connection.channel().queue_delete(name)
        yield connection


async def started(log: Path, workers: int) -> None:
    """Return when so many workers have said that they take tasks."""

    def said() -> int:
        return log.read_text(encoding="utf-8").count(" ready.") if log.exists() else 0

    assert await asyncio.to_thread(eventually, lambda: said() >= workers)


async def report(api: httpx.AsyncClient) -> None:
    """Report a run."""
    run = {"agent_id": "sage", "status": "success", "actions_taken": {"did": "it"}}
    assert (await api.post(ENDPOINT, json=run)).status_code == 204


async def report_and_see_scored(api: httpx.AsyncClient, db: asyncpg.Connection, runs: int) -> None:
    """Report runs; return when each has its score, without a sweep."""
    for _ in range(runs):
        await report(api)
    async with asyncio.timeout(120):
        while await db.fetchval(UNSCORED):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("made_as", [None, "classic", "quorum"])
async def test_two_workers_of_one_host_score_whatever_type_the_queues_have(
    amqp: Connection, api: httpx.AsyncClient, db: asyncpg.Connection, tmp_path: Path, made_as: str | None
) -> None:
    if made_as:
        for name in WORKER_QUEUES:
            arguments = {"x-queue-type": made_as}
            with amqp.channel() as channel:
                Queue(name, name, name, channel=channel, queue_arguments=arguments).declare()
    log = tmp_path / "worker.log"
    start = ("worker", "--concurrency", "1")
    with running(*start, env={}, log=log) as first, running(*start, env={}, log=log) as second:
        await started(log, 2)
        assert (await api.get("/readyz")).json()["reasons"] == []
        await report_and_see_scored(api, db, 20)
        assert (first.poll(), second.poll()) == (None, None)
    assert {queue_type(amqp, name) for name in WORKER_QUEUES} == {made_as or "quorum"}
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def lose_the_queue(amqp: Connection) -> None:
    """The server ends the consumers of a queue that is deleted, and the connection stays."""
    for name in WORKER_QUEUES:
        amqp.channel().queue_delete(name)


async def lose_the_channel(amqp: Connection) -> None:
    """The server closes one on which something is not in order, and the connection stays."""
    ours = OURS.format("rabbit_channel:list()", "rabbit_channel")
    await tell_server(f"[rabbit_channel:do(P, {{'basic.ack', 1234567, false}}) || P <- {ours}]")


async def lose_the_connection(amqp: Connection) -> None:
    """As with a node that ends."""
    ours = OURS.format("rabbit_networking:connections()", "rabbit_reader")
    await tell_server(f"[exit(P, kill) || P <- {ours}]")


HOST = unquote(urlsplit(AMQP_URL).path[1:])
OURS = f'[P || P <- {{}}, {{}}:info(P, [vhost]) =:= [{{{{vhost, <<"{HOST}">>}}}}]]'
"""In Erlang: those of the processes that serve the test's virtual host, by what the module says of each."""


async def tell_server(expression: str) -> None:
    """Have the server on this machine evaluate it."""
    if shutil.which("rabbitmqctl") is None:
        pytest.skip("no rabbitmqctl to break a server's connections with")
    process = await asyncio.create_subprocess_exec("rabbitmqctl", "eval", f"{expression}.")
    assert await process.wait() == 0


@pytest.mark.parametrize("lose", [lose_the_queue, lose_the_channel, lose_the_connection])
async def test_a_worker_takes_tasks_again_whatever_it_loses_of_the_broker(
    amqp: Connection,
    api: httpx.AsyncClient,
    db: asyncpg.Connection,
    tmp_path: Path,
    lose: Callable[[Connection], Awaitable[None]],
) -> None:
    log = tmp_path / "worker.log"
    with running("worker", "--concurrency", "1", env={}, log=log) as worker:
        await started(log, 1)
        await report_and_see_scored(api, db, 1)
        await lose(amqp)
        async with asyncio.timeout(60):
            while (await api.get("/readyz/scoring")).status_code != 200:
                assert worker.poll() is None, log.read_text(encoding="utf-8")
                await asyncio.sleep(0.5)
            # What is handed over by a connection that is lost waits for the sweep, which does not run here.
            scored = await db.fetchval(SCORED)
            while await db.fetchval(SCORED) == scored:
                await report(api)
                await asyncio.sleep(0.5)
        assert worker.poll() is None


def test_urgent_messages_are_seen_to_wait(amqp: Connection) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(AMQP_URL))
    assert not are_waiting(app, URGENT_QUEUES)
    app.send_task("app.tasks.seal_tasks.seal_log")
    assert eventually(lambda: are_waiting(app, URGENT_QUEUES))
