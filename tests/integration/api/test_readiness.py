"""Not ready: said soon, with the reason and without the secrets."""

import time
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.config import get_settings
from support.applications import opened
from support.brokers import Broker
from support.processes import free_port

pytestmark = pytest.mark.anyio


async def test_alive_whatever_else_is(monkeypatch: pytest.MonkeyPatch, api: httpx.AsyncClient) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:p@127.0.0.1:{free_port()}/db")
    get_settings.cache_clear()
    answer = await api.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def not_ready(api: httpx.AsyncClient) -> dict[str, str]:
    """What is wrong, said soon and without secrets."""
    started = time.monotonic()
    answer = await api.get("/readyz")
    assert time.monotonic() - started < 20
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "secret" not in answer.text
    checks: dict[str, str] = answer.json()["checks"]
    assert answer.json()["reasons"]
    # Who starts no worker has none.
    return {name: state for name, state in checks.items() if state != "ok" and name != "worker"}


async def test_not_ready_without_its_broker_and_again_when_it_is_back(
    broker: Broker, api: httpx.AsyncClient
) -> None:
    broker.stop()
    assert set(await not_ready(api)) == {"broker"}
    broker.start()
    assert set(await not_ready(api)) == set()


@pytest.mark.parametrize(
    "url",
    ["redis://:secret@127.0.0.1:{}/0", "redis://broker.invalid/0", "nonsense://x", "redis://h:port/0"],
)
async def test_not_ready_with_a_broker_that_cannot_be_used(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", url.format(free_port()))
    get_settings.cache_clear()
    assert set(await not_ready(api)) == {"broker"}


@pytest.mark.parametrize("fault", ["no server there", "no such database", "not a URL"])
async def test_not_ready_with_a_database_that_cannot_be_used(
    broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    parts = urlsplit(database)
    url = {
        "no server there": f"postgresql://u:secret@127.0.0.1:{free_port()}/db",
        "no such database": parts._replace(path="/runlog_missing").geturl(),
        "not a URL": "secret",
    }[fault]
    monkeypatch.setenv("DATABASE_URL", url)
    async with opened() as client:
        assert set(await not_ready(client)) == {"database"}


async def test_not_ready_without_its_tables(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("DROP TABLE agent_run_log CASCADE")
    assert set(await not_ready(api)) == {"database"}
