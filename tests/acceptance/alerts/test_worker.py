"""Alerts by the real worker, killed in the middle."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from celery import Celery

from app.broker import celery_settings
from support.alerting import AGAIN, FAILING, SECRET, audited, settle, states, tries
from support.brokers import Broker
from support.database import until_it_is
from support.processes import running
from support.receiver import receiving

pytestmark = pytest.mark.anyio

HANG = 120.0


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def ask_for_delivery(broker: Broker) -> None:
    with Celery(set_as_current=False) as app:
        app.conf.update(celery_settings(broker.url))
        app.send_task("app.tasks.alert_tasks.deliver_alerts")


async def test_a_worker_killed_between_sending_and_recording_sends_again_with_the_same_id(
    database: str, db: asyncpg.Connection, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "worker.log"
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET, alert_timeout=30)
        await db.execute(FAILING, "nova")
        await audited()
        receiver.release.clear()
        ask_for_delivery(broker)
        with running("worker", "--concurrency", "1", env={}, log=log) as worker:
            await until(lambda: len(receiver.requests) == 1)
            worker.kill()
            worker.wait()
        receiver.release.set()
        assert await states(db) == [("opened", "pending")]
        assert await tries(db) == [(None, None)]
        await db.execute(AGAIN)
        ask_for_delivery(broker)
        with running("worker", "--concurrency", "2", env={}, log=log):
            await until(lambda: len(receiver.requests) == 2)
            await until_it_is(database, "SELECT state FROM alert_notification", "sent")
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.json == second.json
        assert await tries(db) == [(None, None), (True, "HTTP 204")]
    assert "s3cr3tpath" not in log.read_text(encoding="utf-8")
