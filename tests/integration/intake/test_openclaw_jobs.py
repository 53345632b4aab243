"""Schedules are declared by OpenClaw's jobs, and a person's word stands."""

from typing import Any

import asyncpg
import httpx
import pytest

from support.openclaw import body

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/openclaw/cron"
AGENTS = "/api/v1/internal/agents"


def job(job_id: str, agent: str | None = "ops", **changes: Any) -> dict[str, Any]:
    """A job as a plugin lists it."""
    schedule = {"kind": "every", "everyMs": 21_600_000}
    return {"id": job_id, "agentId": agent, "name": job_id, "enabled": True, "schedule": schedule} | changes


def cron(expression: str, zone: str = "Europe/Berlin") -> dict[str, Any]:
    """A schedule."""
    return {"kind": "cron", "expr": expression, "tz": zone}


async def listed(api: httpx.AsyncClient, *jobs: dict[str, Any]) -> None:
    """Send a list of all jobs, as the plugin does when the gateway has started."""
    answer = await api.post(PATH, json={"event": {"reason": "startup", "enabled": True}, "jobs": list(jobs)})
    assert answer.status_code == 204


async def changed(api: httpx.AsyncClient, action: str, each: dict[str, Any]) -> None:
    """Send that a job was added, updated or removed."""
    event = {"action": action, "jobId": each["id"], "sessionTarget": "isolated", "job": each}
    assert (await api.post(PATH, json={"event": event})).status_code == 204


async def schedule(db: asyncpg.Connection, agent: str = "ops") -> tuple[str | None, str] | None:
    """What is declared of the agent."""
    row = await db.fetchrow("SELECT schedule, timezone FROM agent WHERE agent_id = $1", agent)
    return tuple(row) if row else None


async def test_a_job_that_is_added_changed_and_removed(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await listed(api)
    await changed(api, "added", job("a"))
    assert await schedule(db) == ("every 6h", "UTC")
    await changed(api, "updated", job("a", schedule=cron("0 7 * * 1-5")))
    assert await schedule(db) == ("0 7 * * 1-5", "Europe/Berlin")
    await changed(api, "added", job("b", schedule=cron("0 9 * * *")))
    assert await schedule(db) == ("TZ=Europe/Berlin 0 7 * * 1-5; TZ=Europe/Berlin 0 9 * * *", "UTC")
    await changed(api, "updated", job("a", schedule=cron("0 7 * * 1-5"), enabled=False))
    assert await schedule(db) == ("0 9 * * *", "Europe/Berlin")
    await changed(api, "removed", job("b"))
    assert await schedule(db) == (None, "UTC")


async def test_a_job_that_is_no_longer_listed_is_gone(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await listed(api, job("a"), job("b", schedule=cron("0 9 * * *")), job("c", "nova"))
    assert await schedule(db) is None  # an interval beside another job
    # Another gateway's list names other agents.
    await listed(api, job("d", "atlas"))
    await listed(api, job("b", schedule=cron("0 9 * * *")))
    assert await schedule(db) == ("0 9 * * *", "Europe/Berlin")
    assert await schedule(db, "nova") == await schedule(db, "atlas") == ("every 6h", "UTC")


async def test_what_a_person_declared_stays(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    declared = {"schedule": "0 4 * * *", "timezone": "Asia/Tokyo", "role": "Operations"}
    assert (await api.put(f"{AGENTS}/ops", json=declared)).status_code == 204
    await listed(api, job("a"))
    assert await schedule(db) == ("0 4 * * *", "Asia/Tokyo")


async def test_what_a_person_changed_or_removed_later_stays(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await listed(api, job("a"), job("b", "nova"))
    assert (await api.put(f"{AGENTS}/ops", json={"schedule": "every 1h"})).status_code == 204
    assert (await api.delete(f"{AGENTS}/nova")).status_code == 204
    await listed(api, job("a", schedule=cron("0 9 * * *")), job("b", "nova", schedule=cron("0 9 * * *")))
    assert await schedule(db) == ("every 1h", "UTC")
    assert await schedule(db, "nova") is None


async def test_a_role_and_a_pause_are_left_alone(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await api.put(f"{AGENTS}/ops", json={"role": "Operations", "paused": True, "grace_seconds": 60})
    await listed(api, job("a"))
    row = await db.fetchrow(
        "SELECT schedule, role, paused, grace_seconds, resumed_at FROM agent WHERE agent_id = 'ops'"
    )
    assert tuple(row) == ("every 6h", "Operations", True, 60, None)


async def test_the_list_of_a_real_gateway_is_read_as_it_is(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    reconciled = body("plugin-cron_reconciled-1")
    assert (await api.post(PATH, json=reconciled)).status_code == 204
    assert await db.fetchval("SELECT count(*) FROM openclaw_job") == len(reconciled["jobs"])
    assert await db.fetchval("SELECT count(*) FROM openclaw_job WHERE is_system") == 3
    assert await db.fetchval("SELECT count(*) FROM openclaw_job WHERE name ILIKE '%stub%'") == 0
    assert await db.fetchval("SELECT count(*) FROM agent") == 0
