"""The signal that a run has started: kept once, over with its report, and cleared away."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import select

from app.db.session import transaction
from app.models import AgentRunStart
from app.runs.starts import is_under_way
from app.tasks.rollup_tasks import clear_run_starts

pytestmark = pytest.mark.anyio

STARTS = "/api/v1/internal/agent-run-start"
REPORTS = "/api/v1/internal/agent-run-log"


async def start(client: httpx.AsyncClient, **body: Any) -> int:
    return (await client.post(STARTS, json=body)).status_code


async def report(client: httpx.AsyncClient, agent_id: str, key: str | None = None) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    run = {"agent_id": agent_id, "status": "success", "actions_taken": {"summary": "did it"}}
    assert (await client.post(REPORTS, json=run, headers=headers)).status_code == 204


async def under_way() -> list[tuple[str, str]]:
    statement = select(AgentRunStart.agent_id, AgentRunStart.run_key).where(is_under_way())
    async with transaction() as session:
        return sorted((agent, key) for agent, key in await session.execute(statement))


async def test_a_run_is_under_way_until_a_run_with_its_key_is_recorded(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert await start(api, agent_id="nova", run_key="a") == 204
    assert await start(api, agent_id="nova", run_key="b") == 204
    assert await start(api, agent_id="atlas", run_key="a") == 204
    await report(api, "nova", "a")
    await asyncio.to_thread(clear_run_starts.run)
    # Reports of nova are known to have the keys of its starts: one without a key ends none.
    await report(api, "nova")
    assert await under_way() == [("atlas", "a"), ("nova", "b")]
    await report(api, "nova", "b")
    assert await under_way() == [("atlas", "a")]


async def test_a_start_without_key_ends_with_the_next_report(api: httpx.AsyncClient) -> None:
    await report(api, "nova")
    assert await start(api, agent_id=" nova ") == 204
    assert await under_way() == [("nova", "")]
    await report(api, "nova", "any")
    assert await under_way() == []
    assert await start(api, agent_id="nova") == 204
    assert await under_way() == [("nova", "")]


async def test_while_no_report_had_the_key_of_a_start_any_report_ends_it(
    api: httpx.AsyncClient,
) -> None:
    assert await start(api, agent_id="nova", run_key="a") == 204
    await report(api, "nova", "another")
    assert await under_way() == []


async def test_the_same_key_again_changes_nothing(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answers = await asyncio.gather(
        *(start(api, agent_id="nova", run_key="a") for _ in range(10)),
        *(start(api, agent_id="nova") for _ in range(10)),
    )
    assert set(answers) == {204}
    first = await db.fetch("SELECT run_key, started_at, received_at, again_at FROM agent_run_start")
    assert sorted((row["run_key"], row["again_at"] is not None) for row in first) == [
        ("", True),
        ("a", False),
    ]
    assert await start(api, agent_id="nova", run_key="a", started_at="2020-01-01T00:00Z") == 204
    query = "SELECT started_at, received_at FROM agent_run_start WHERE run_key = 'a'"
    assert tuple(await db.fetchrow(query) or ()) in [tuple(row)[1:3] for row in first]


async def test_what_runs_took_is_kept_when_they_have_ended(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    ago = datetime.now(UTC) - timedelta(minutes=4)
    for key in ("a", None):
        body = {"agent_id": "nova", "run_key": key, "started_at": ago.isoformat()}
        assert await start(api, **body) == 204
    await start(api, agent_id="atlas")
    await start(api, agent_id="atlas")
    await report(api, "nova", "a")
    await report(api, "atlas")
    await asyncio.to_thread(clear_run_starts.run)
    await asyncio.to_thread(clear_run_starts.run)
    assert await db.fetchval("SELECT count(*) FROM agent_run_start") == 0
    kept = await db.fetch("SELECT agent_id, round(seconds / 60) AS minutes, by_key FROM agent_run_duration")
    # Both starts of nova end with one run, whose duration is kept once; atlas' may be of either start.
    assert [tuple(row)[:2] for row in kept] == [("nova", 4)]


async def test_old_starts_and_those_beyond_a_hundred_are_removed(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO agent_run_start (agent_id, run_key, started_at, received_at)
        SELECT agent, 'key-' || n, now() - age, now() - age FROM (
            SELECT 'many', n, n * interval '1 second' FROM generate_series(1, 150) AS n
            UNION ALL VALUES ('hangs', 1, interval '30 days'), ('gone', 2, interval '36 days'),
                ('goes-on', 3, interval '8 days'), ('goes-on', 4, interval '6 days')
        ) AS start (agent, n, age)
    """)
    await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('goes-on')")
    await asyncio.to_thread(clear_run_starts.run)
    left = await db.fetch("SELECT agent_id, count(*), max(run_key) FROM agent_run_start GROUP BY agent_id")
    assert {row["agent_id"]: row["count"] for row in left} == {"many": 100, "hangs": 1, "goes-on": 1}


async def test_a_start_can_be_withdrawn(api: httpx.AsyncClient) -> None:
    await start(api, agent_id="nova", run_key="a")
    await start(api, agent_id="nova")
    assert (await api.delete(STARTS, params={"agent_id": "nova"})).status_code == 204
    assert (await api.delete(STARTS, params={"agent_id": "nova"})).status_code == 404
    both = {"agent_id": "nova", "run_key": "a"}
    assert (await api.delete(STARTS, params=both)).status_code == 204
    assert await under_way() == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"agent_id": "no\\u0000va"}',
        b'{"agent_id": "\\ud800"}',
        b'{"agent_id": ""}',
        b'{"agent_id": "' + b"n" * 256 + b'"}',
        b'{"run_key": "a"}',
        b'{"agent_id": "nova", "run_key": ""}',
        b'{"agent_id": "nova", "run_key": "two words"}',
        b'{"agent_id": "nova", "run_key": "\\u0000"}',
        b'{"agent_id": "nova", "run_key": "' + b"k" * 256 + b'"}',
        b'{"agent_id": "nova", "started_at": "1999-12-31T23:59:59Z"}',
        b'{"agent_id": "nova", "started_at": "2026-11-30T10:00:00"}',
        b'{"agent_id": "nova", "started_at": 1764000000}',
        b'{"agent_id": "nova", "started_at": "2400-01-01T00:00:00Z"}',
        b"[]",
        b"{",
    ],
)
async def test_what_is_not_valid_is_refused(
    api: httpx.AsyncClient, db: asyncpg.Connection, body: bytes
) -> None:
    answer = await api.post(STARTS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "input" not in answer.json()["detail"][0]
    assert await db.fetchval("SELECT count(*) FROM agent_run_start") == 0


async def test_a_clock_may_be_ahead_by_a_day(api: httpx.AsyncClient) -> None:
    for ahead, status in ((timedelta(hours=23), 204), (timedelta(hours=25), 422)):
        moment = (datetime.now(UTC) + ahead).isoformat()
        assert await start(api, agent_id="nova", started_at=moment) == status


async def test_other_methods_are_answered_as_elsewhere(api: httpx.AsyncClient) -> None:
    answer = await api.options(STARTS)
    assert (answer.status_code, answer.headers["Allow"]) == (204, "DELETE, OPTIONS, POST")
    refused = await api.get(STARTS)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "DELETE, OPTIONS, POST")
