"""What `/` keeps of the past between two loads is never older than it may be."""

import re
from datetime import timedelta
from types import SimpleNamespace

import asyncpg
import httpx
import pytest

from app.web.home import DAYS_SECONDS, HOURS_SECONDS, RECENT_HOURS
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

INSERT = """
    INSERT INTO agent_run_log (agent_id, actions_taken, created_at)
    VALUES ('sage', '{"summary": "Fixed the leak in session.py"}', now() - $1::interval)
"""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = (RECENT_HOURS + 3) * HOUR


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of what is kept, to be set; no other clock follows it."""
    time = [100.0]
    monkeypatch.setattr("app.kit.expiring.time", SimpleNamespace(monotonic=lambda: time[0]))
    return time


async def shown(api: httpx.AsyncClient) -> dict[str, str]:
    """What the one agent's strips say of its hours and of its days."""
    page = (await api.get("/")).text
    return dict(re.findall(r'class="strip".*? aria-label="(24 hours|4 weeks): ([^"]*)"', page))


async def test_a_run_is_in_hours_and_days_at_once(
    api: httpx.AsyncClient, db: asyncpg.Connection, clock: list[float]
) -> None:
    await db.execute(INSERT, timedelta())
    assert await shown(api) == {"24 hours": "1 run", "4 weeks": "1 run"}
    body = {"agent_id": "sage", "status": "failed", "actions_taken": {"summary": "Disk full"}}
    (await api.post("/api/v1/internal/agent-run-log", json=body)).raise_for_status()
    assert await shown(api) == {"24 hours": "2 runs, 1 failed", "4 weeks": "2 runs, 1 failed"}


async def test_a_run_of_the_hour_before_is_seen_at_once(
    api: httpx.AsyncClient, db: asyncpg.Connection, clock: list[float]
) -> None:
    await db.execute(INSERT, timedelta())
    await shown(api)
    await db.execute(INSERT, HOUR)
    assert (await shown(api))["24 hours"] == "2 runs"


async def test_a_change_of_past_hours_is_seen_after_some_seconds(
    api: httpx.AsyncClient, db: asyncpg.Connection, clock: list[float]
) -> None:
    await db.execute(INSERT, timedelta())
    await shown(api)
    await db.execute(INSERT, LONG_AGO)
    assert (await shown(api))["24 hours"] == "1 run"
    clock[0] += HOURS_SECONDS + 0.1
    assert (await shown(api))["24 hours"] == "2 runs"
    await db.execute(UNGUARD)
    await db.execute(
        "UPDATE agent_run_log SET status = 'failed' WHERE created_at < now() - $1::interval", HOUR
    )
    clock[0] += HOURS_SECONDS + 0.1
    assert (await shown(api))["24 hours"] == "2 runs, 1 failed"
    await db.execute("DELETE FROM agent_run_log WHERE created_at < now() - $1::interval", HOUR)
    clock[0] += HOURS_SECONDS + 0.1
    assert (await shown(api))["24 hours"] == "1 run"


async def test_a_change_of_past_days_is_seen_after_some_minutes(
    api: httpx.AsyncClient, db: asyncpg.Connection, clock: list[float]
) -> None:
    await db.execute(INSERT, timedelta())
    await shown(api)
    await db.execute(INSERT, 3 * DAY)
    assert (await shown(api))["4 weeks"] == "1 run"
    clock[0] += DAYS_SECONDS + 0.1
    assert (await shown(api))["4 weeks"] == "2 runs"


async def test_the_past_is_kept_whoever_reported_last(
    api: httpx.AsyncClient, db: asyncpg.Connection, clock: list[float]
) -> None:
    """The order of the rows changes with each run; what they have done does not."""
    await db.execute(INSERT, timedelta())
    await db.execute(INSERT.replace("sage", "nova"), timedelta())
    await shown(api)
    await db.execute(INSERT.replace("sage", "nova"), 3 * DAY)
    await db.execute(INSERT, timedelta())
    page = (await api.get("/")).text
    assert sorted(re.findall(r'aria-label="4 weeks: ([^"]*)"', page)) == ["1 run", "2 runs"]
