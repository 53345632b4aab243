"""Is it alive, and can it work."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from support.applications import opened
from support.brokers import Broker
from support.processes import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def worker(database: str, broker: Broker, tmp_path: Path) -> Iterator[None]:
    """A worker on the test's database and broker."""
    with running("worker", "--concurrency", "1", env={}, log=tmp_path / "worker.log"):
        yield


async def until_ready(api: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """What it answers with 200, once it does."""
    async with asyncio.timeout(120):
        while (answer := await api.get(path)).status_code != 200:
            pass
    ready: dict[str, Any] = answer.json()
    return ready


@pytest.mark.usefixtures("worker")
async def test_ready_with_database_broker_and_worker(api: httpx.AsyncClient, broker: Broker) -> None:
    ok = {"status": "ready", "reasons": []}
    checks = {"database": "ok", "broker": "ok", "worker": "ok"}
    assert await until_ready(api, "/readyz") == {**ok, "checks": checks}
    assert await until_ready(api, "/readyz/scoring") == {**ok, "checks": {"broker": "ok", "worker": "ok"}}
    with broker.client() as client:
        # What an answer was sent to is gone with the question.
        assert client.smembers("_kombu.binding.reply.celery.pidbox") == set()


async def test_a_judge_is_no_worker_that_scores(
    broker: Broker, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    judge = {"RUNLOG_JUDGE_URL": "http://127.0.0.1:1", "RUNLOG_JUDGE_MODEL": "m"}
    log = tmp_path / "judge.log"
    with running("worker", "--judge", env=judge, log=log), broker.client() as client:
        async with asyncio.timeout(120):
            while not client.smembers("_kombu.binding.celery.pidbox"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        answer = await api.get("/readyz/scoring")
    assert answer.json()["reasons"] == ["worker: none answers"]


async def test_ready_to_record_without_a_broker(api: httpx.AsyncClient) -> None:
    answer = await api.get("/readyz/ingest")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": "ok"})


async def test_not_ready_to_record_where_the_database_takes_no_writes(
    api: httpx.AsyncClient, db: asyncpg.Connection, database: str
) -> None:
    name = urlsplit(database).path[1:]
    await db.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    for path in ("/readyz/ingest", "/readyz"):
        answer = await api.get(path)
        assert answer.status_code == 503
        assert "database: is read-only" in answer.json()["reasons"][0]


async def test_not_ready_without_a_broker_says_which_setting_is_missing(api: httpx.AsyncClient) -> None:
    response = await api.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["database"] == "ok"
    assert "CELERY_BROKER_URL is not set" in checks["broker"]


async def test_not_ready_where_the_database_refuses_us(
    broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.replace("://", "://nobody-", 1))
    async with opened() as client:
        response = await client.get("/readyz")
        alive = await client.get("/healthz")
    assert response.status_code == 503
    checks = {"database": "cannot be reached", "broker": "ok", "worker": "none answers"}
    assert response.json()["checks"] == checks
    assert alive.status_code == 200
