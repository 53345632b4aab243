"""One agent's trouble is no other's: what cannot be judged is a finding, and the cycle goes on."""

from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest

from app.audit import cadences
from app.audit.cadence import Cadence, Outages
from app.audit.domain.finding import FindingKey
from support.alerting import audited
from support.auditing import record_cycles
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

STOPPED = """
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, created_at)
    SELECT $1, 'did it', '{"summary": "did it"}',
        clock_timestamp() - interval '30 hours' - i * interval '1 hour'
    FROM generate_series(0, 239) i
"""
OFF_FOR_DAYS = """
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, created_at)
    SELECT 'agent-' || agent, 'did it', '{"summary": "did it"}',
        clock_timestamp() - i * interval '2 h' - agent * interval '1 min'
    FROM generate_series(1, 6) agent, generate_series(0, 12 * ($1 + 13)) i
    WHERE i NOT BETWEEN 6 AND 12 * $1 + 6
"""


async def open_after_a_cycle() -> list[FindingKey]:
    return sorted((finding.rule, finding.agent_id) for finding in (await audited()).open)


async def test_an_agent_that_cannot_be_judged_is_a_finding_and_blinds_no_other(
    db: asyncpg.Connection, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_reports = Cadence.of

    def crash_on_nova(reports: list[datetime], outages: Outages | None = None) -> Cadence:
        if reports[-1].microsecond == 777_777:
            raise ZeroDivisionError("no luck")
        return of_reports(reports, outages)

    for agent in ("atlas", "nova"):
        await db.execute(STOPPED, agent)
    await db.execute(UNGUARD)
    await db.execute(
        "UPDATE agent_run_log SET created_at = date_trunc('second', created_at) + interval '777777 us'"
        " WHERE agent_id = 'nova'"
    )
    monkeypatch.setattr(cadences.Cadence, "of", crash_on_nova)
    done = await audited()
    assert sorted((finding.rule, finding.agent_id) for finding in done.open) == [
        ("not_judged", "nova"),
        ("stopped_reporting", "atlas"),
    ]
    assert {(error.rule, error.agent_id) for error in done.errors} == {
        ("stopped_reporting", "nova"),
        ("late", "nova"),
    }
    answer = await api.get("/api/v1/internal/agents")
    assert {agent["agent_id"]: agent["state"] for agent in answer.json()["agents"]} == {
        "atlas": "down",
        "nova": "unknown",
    }
    monkeypatch.setattr(cadences.Cadence, "of", of_reports)
    cadences._cache.__init__()  # type: ignore[misc]
    assert await open_after_a_cycle() == [("stopped_reporting", "atlas"), ("stopped_reporting", "nova")]


@pytest.mark.parametrize("days", [8, 15, 16])
async def test_after_days_off_every_agent_is_judged(
    db: asyncpg.Connection, api: httpx.AsyncClient, days: int
) -> None:
    await db.execute(OFF_FOR_DAYS, days)
    await record_cycles(db, ago=timedelta(hours=10), every=timedelta(days=days, hours=3.9), count=2)
    await db.execute(UNGUARD)
    for table, column in (("agent_run_log", "created_at"), ("audit_cycle", "ended_at")):
        await db.execute(f"UPDATE {table} SET {column} = {column} - interval '3 hours'")  # noqa: S608
    await record_cycles(db, ago=timedelta(0), every=timedelta(minutes=5), count=157)
    done = await audited()
    assert (done.errors, done.agents) == ([], 6)
    [finding] = done.open
    assert finding.rule == "agents_missing"
    assert len(finding.evidence["agents"]) == 6
    assert (await api.get("/api/v1/internal/agents")).status_code == 200


async def test_a_group_that_another_program_wrote_ends_no_page_and_is_closed(
    db: asyncpg.Connection, api: httpx.AsyncClient
) -> None:
    await db.execute(STOPPED, "atlas")
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message) VALUES ('agents_missing', 'x', 'gone')"
    )
    for path in ("/", "/metrics", "/audit", "/agents", "/agents/atlas", "/badge/fleet.svg"):
        assert (await api.get(path)).status_code == 200, path
    assert await open_after_a_cycle() == [("stopped_reporting", "atlas")]
    proof = await db.fetchval("SELECT closing_evidence->>'reason' FROM audit_finding WHERE agent_id = 'x'")
    assert proof == "it cannot be read which agents it is about"
