"""Live cycles find runs that started and do not end, and say it once."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.audit.cycle import AuditCycle, audit
from app.config import get_settings
from app.dashboard.verdict import fleet_state
from app.db.session import transaction
from app.kit.sql import database_now
from app.wiring import audit_settings
from support.auditing import record_cycles

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STARTS = "/api/v1/internal/agent-run-start"
REPORTS = "/api/v1/internal/agent-run-log"

RUNS = """
WITH run AS (
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, created_at, run_at)
    SELECT $1, 'did it', '{"summary": "did it"}', at, at
    FROM (
        SELECT now() - $4::interval - place * $3::interval FROM generate_series(0, $2 - 1) AS place
    ) AS run (at)
    RETURNING id, agent_id, created_at
)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds)
SELECT id, agent_id, created_at, 240 FROM run
"""


async def runs(
    db: asyncpg.Connection, agent_id: str, count: int = 40, every: timedelta = HOUR, ago: timedelta = MINUTE
) -> None:
    """Runs of four minutes, the newest `ago`."""
    await db.execute(RUNS, agent_id, count, every, ago)


async def started(db: asyncpg.Connection, agent_id: str, ago: timedelta, key: str | None = None) -> None:
    await db.execute(
        """INSERT INTO agent_run_start (agent_id, run_key, started_at, received_at)
        VALUES ($1, $2, now() - $3::interval, now() - $3::interval)""",
        agent_id,
        key or "",
        ago,
    )


async def report(api: httpx.AsyncClient, agent_id: str, key: str | None = None) -> None:
    body = {"agent_id": agent_id, "status": "success", "actions_taken": {"summary": "done"}}
    headers = {"Idempotency-Key": key} if key else {}
    assert (await api.post(REPORTS, json=body, headers=headers)).status_code == 204


async def cycle() -> AuditCycle:
    async with transaction() as session:
        done = await audit(session, audit_settings(get_settings()))
    assert done.errors == []
    return done


def changes(done: AuditCycle) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    opened, closed = ([(each.rule, each.agent_id) for each in found] for found in (done.opened, done.closed))
    return opened, closed


async def test_a_run_that_takes_far_longer_than_usual_is_found_until_it_ends(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await runs(db, "nova", ago=4 * HOUR)
    await started(db, "nova", 3 * HOUR, "k")
    done = await cycle()
    assert changes(done) == ([("running_long", "nova")], [])
    [finding] = done.opened
    assert finding.message.startswith(
        "nova has been running for 3 h, usually 4 min (at most 4 min); the run started at "
    )
    assert finding.severity == "high"
    assert finding.evidence["run_key"] == "k"
    assert changes(await cycle()) == ([], [])
    await report(api, "nova", "k")
    done = await cycle()
    assert changes(done) == ([], [("running_long", "nova")])
    evidence = done.closed[0].closing_evidence or {}
    assert evidence["reason"].startswith("nova reported again at ")
    assert evidence["run"]["summary"] == "done"


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_signal_that_says_when_it_started_is_believed(
    api: httpx.AsyncClient, db: asyncpg.Connection, key: str | None
) -> None:
    await runs(db, "nova", 10)
    three_hours_ago = await db.fetchval("SELECT to_json(now() - interval '3 hours') #>> '{}'")
    body: dict[str, Any] = {"agent_id": "nova", "run_key": key, "started_at": three_hours_ago}
    assert (await api.post(STARTS, json=body)).status_code == 204
    assert changes(await cycle()) == ([("running_long", "nova")], [])
    await report(api, "nova")
    assert changes(await cycle()) == ([], [("running_long", "nova")])


async def test_usual_is_learned_from_starts_that_have_ended(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for number in range(6):
        body = {"agent_id": "nova", "run_key": f"k{number}"}
        ago = await db.fetchval("SELECT to_json(now() - interval '4 minutes') #>> '{}'")
        assert (await api.post(STARTS, json=body | {"started_at": ago})).status_code == 204
        await report(api, "nova", f"k{number}")
    await started(db, "nova", 3 * HOUR, "k9")
    # Its reports are known to have the keys of their starts, so none of them is of the run that hangs.
    await db.execute("UPDATE agent_run_start SET received_at = now() WHERE run_key = 'k9'")
    assert (await api.post(STARTS, json={"agent_id": "nova", "run_key": "last"})).status_code == 204
    [finding] = [each for each in (await cycle()).opened if each.rule == "running_long"]
    assert "running for 3 h, usually 4 min" in finding.message


async def test_while_a_run_may_take_as_long_its_agent_is_not_missing(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("INSERT INTO agent (agent_id, schedule) VALUES ('running', '0 * * * *')")
    for agent_id in ("hangs", "gone", "running"):
        await runs(db, agent_id, 400, ago=5 * HOUR)
    await started(db, "hangs", 4 * HOUR)
    await started(db, "running", 9 * MINUTE)
    await record_cycles(db, ago=timedelta(), every=5 * MINUTE, count=12 * 24 * 18)
    opened, _ = changes(await cycle())
    assert sorted(opened) == [("running_long", "hangs"), ("stopped_reporting", "gone")]
    # Once the start is withdrawn, the agent is judged by its reports again.
    assert (await api.delete(STARTS, params={"agent_id": "hangs"})).status_code == 204
    done = await cycle()
    assert changes(done) == ([("stopped_reporting", "hangs")], [("running_long", "hangs")])
    assert (done.closed[0].closing_evidence or {})["reason"] == (
        "that the run started was withdrawn, or is too long ago"
    )


async def test_an_agent_that_was_missing_and_starts_is_back(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await runs(db, "nova", 400, ago=5 * HOUR)
    await record_cycles(db, ago=timedelta(), every=5 * MINUTE, count=12 * 24 * 18)
    assert changes(await cycle()) == ([("stopped_reporting", "nova")], [])
    assert (await api.post(STARTS, json={"agent_id": "nova"})).status_code == 204
    done = await cycle()
    assert changes(done) == ([], [("stopped_reporting", "nova")])
    assert (done.closed[0].closing_evidence or {})["reason"].startswith("nova started a run at ")


async def test_a_report_that_may_wait_on_disk_is_waited_for(db: asyncpg.Connection) -> None:
    await runs(db, "nova", ago=5 * HOUR)
    await started(db, "nova", 4 * HOUR)
    # The product was away from shortly after the start on.
    await record_cycles(db, ago=4 * HOUR - 2 * MINUTE, every=5 * MINUTE, count=100)
    await record_cycles(db, ago=timedelta(), every=5 * MINUTE, count=36)
    assert ("running_long", "nova") not in changes(await cycle())[0]


async def test_paused_agents_raise_nothing_and_wait_anew(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await runs(db, "nova", ago=5 * HOUR)
    await started(db, "nova", 4 * HOUR)
    await db.execute("INSERT INTO agent (agent_id, paused) VALUES ('nova', true)")
    assert changes(await cycle()) == ([], [])
    await db.execute("UPDATE agent SET paused = false, resumed_at = now()")
    assert changes(await cycle()) == ([], [])
    await db.execute("UPDATE agent SET resumed_at = now() - interval '2 hours'")
    assert changes(await cycle()) == ([("running_long", "nova")], [])


async def test_an_agent_whose_first_run_hangs_is_found_after_a_day(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await started(db, "early", 23 * HOUR)
    await started(db, "new", 25 * HOUR)
    await db.execute(
        """INSERT INTO agent (agent_id, schedule, created_at)
        VALUES ('declared', '*/15 * * * *', now() - interval '9 hours')"""
    )
    await started(db, "declared", 2 * HOUR)
    done = await cycle()
    assert sorted(changes(done)[0]) == [("running_long", "declared"), ("running_long", "new")]
    assert all("how long its runs take is not known yet" in each.message for each in done.opened)


async def test_agents_say_since_when_they_run(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await runs(db, "nova")
    await started(db, "new", 2 * MINUTE)
    await started(db, "nova", timedelta(seconds=30), "k")
    listed = (await api.get("/api/v1/internal/agents")).json()["agents"]
    assert {each["agent_id"]: each["state"] for each in listed} == {"new": "new", "nova": "up"}
    assert all(each["running_since"] for each in listed)
    one = (await api.get("/api/v1/internal/agents/nova")).json()
    since = await db.fetchval("SELECT started_at FROM agent_run_start WHERE agent_id = 'nova'")
    assert one["running_since"] == since.isoformat().replace("+00:00", "Z")
    await report(api, "nova", "k")
    assert (await api.get("/api/v1/internal/agents/nova")).json()["running_since"] is None


async def test_agents_of_a_host_that_is_gone_are_said_together(db: asyncpg.Connection) -> None:
    for number in range(8):
        await runs(db, f"host-{number}", 400, ago=5 * HOUR)
    # Some were at work when it went.
    for number in range(3):
        await started(db, f"host-{number}", 4 * HOUR, "k")
    for number in range(20):
        await runs(db, f"other-{number}", 400, ago=10 * MINUTE)
    await record_cycles(db, ago=timedelta(), every=5 * MINUTE, count=12 * 24 * 18)
    done = await cycle()
    [group] = done.opened
    assert (group.rule, group.agent_id) == ("agents_missing", "host-0")
    assert set(group.evidence["agents"]) == {f"host-{number}" for number in range(8)}


async def test_a_fleet_counts_an_agent_that_has_started_only(db: asyncpg.Connection) -> None:
    await runs(db, "nova")
    await started(db, "nova", MINUTE, "k")
    await started(db, "new", MINUTE)
    async with transaction() as session:
        state = await fleet_state(session, await database_now(session), 5 * MINUTE)
    assert (state.agents, state.waiting, state.fine) == (2, 1, 1)
