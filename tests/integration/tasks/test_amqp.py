"""Real workers on RabbitMQ: two of one host, whatever type its queues have.

Set RUNLOG_TEST_AMQP_URL to a virtual host whose queues may be deleted; without it these tests are skipped.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx
import pytest
from kombu import Connection, Queue
from kombu.exceptions import ChannelError

from app.broker import JUDGE_QUEUE, WORKER_QUEUES
from app.config import get_settings
from support.processes import running

pytestmark = pytest.mark.anyio

# Read before a test's settings are taken away.
AMQP_URL = os.environ.get("RUNLOG_TEST_AMQP_URL", "")
ENDPOINT = "/api/v1/internal/agent-run-log"
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
        async with asyncio.timeout(120):
            while log.read_text(encoding="utf-8").count(" ready.") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await api.get("/readyz")).json()["reasons"] == []
        for _ in range(20):
            run = {"agent_id": "sage", "status": "success", "actions_taken": {"did": "it"}}
            assert (await api.post(ENDPOINT, json=run)).status_code == 204
        async with asyncio.timeout(120):
            while await db.fetchval(UNSCORED):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (first.poll(), second.poll()) == (None, None)
    assert {queue_type(amqp, name) for name in WORKER_QUEUES} == {made_as or "quorum"}
    assert "Traceback" not in log.read_text(encoding="utf-8")
