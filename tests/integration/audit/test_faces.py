"""The findings on the command line and over HTTP."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from app.api.internal.audit import router
from app.audit.cycle import lock_audit
from app.cli.commands.audit import app as audit_command
from app.db.session import transaction
from support.alerting import audit_and_announce

FAILING = """
    INSERT INTO agent_run_log (agent_id, status, created_at, action_summary, actions_taken)
    SELECT $1, 'failed', clock_timestamp() - i * interval '1 minute', 'aborted', '{"summary": "aborted"}'
    FROM generate_series(1, 3) i
"""
FIXED = "INSERT INTO agent_run_log (agent_id, created_at) VALUES ($1, clock_timestamp())"
MARKUP = "[red]no\x1bva[/red]"


def execute(url: str, statement: str, *arguments: Any) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement, *arguments)
        await connection.close()

    asyncio.run(run())


def runlog_audit(*arguments: str) -> str:
    result = CliRunner().invoke(audit_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_command_says_that_all_is_well(database: str) -> None:
    execute(database, FIXED, "sage")
    assert runlog_audit() == "No findings: 1 agent checked\n"
    assert runlog_audit("--json") == ""


def test_the_command_audits_and_shows_what_is_wrong(database: str) -> None:
    execute(database, FAILING, "nova")
    shown = runlog_audit()
    assert "nova" in shown
    assert "consecutive_failures" in shown
    [line] = runlog_audit("--json").splitlines()
    finding = json.loads(line)
    assert sorted(finding) == [
        "acknowledged_at",
        "acknowledged_by",
        "acknowledgement_note",
        "agent_id",
        "closed_at",
        "closing_evidence",
        "evidence",
        "id",
        "message",
        "muted",
        "notified_at",
        "opened_at",
        "rule",
        "severity",
    ]
    assert finding["message"].startswith("nova failed 3 times in a row")
    execute(database, FIXED, "nova")
    assert runlog_audit() == "No findings: 1 agent checked\n"


def test_the_command_shows_names_as_they_are(database: str) -> None:
    execute(database, FAILING, MARKUP)
    shown = runlog_audit()
    assert "[red]no\ufffdva[/red]" in shown
    assert "\x1b" not in shown


def test_the_command_says_what_a_rule_stumbled_over(database: str) -> None:
    execute(database, "INSERT INTO agent (agent_id, created_at) VALUES ('a', '9999-12-31')")
    result = CliRunner().invoke(audit_command, [], catch_exceptions=False)
    assert result.exit_code == 1
    assert result.stderr.startswith("never_reported could not judge a: OverflowError: ")


@pytest.mark.anyio
async def test_the_command_judges_beside_another_audit(database: str, db: asyncpg.Connection) -> None:
    await db.execute(FAILING, "nova")
    async with transaction() as session:
        assert await lock_audit(session)
        assert "consecutive_failures" in await asyncio.to_thread(runlog_audit)


@pytest.fixture
async def client(database: str) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runlog.test")


@pytest.mark.anyio
async def test_the_endpoint_gives_open_findings_or_all(
    client: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    path = "/api/v1/internal/audit/findings"
    assert (await client.get(path)).json() == {"findings": []}
    await db.execute(FAILING, "nova")
    await db.execute(FAILING, "sage")
    async with transaction() as session:
        await audit_and_announce(session)
    await db.execute(FIXED, "sage")
    async with transaction() as session:
        await audit_and_announce(session)

    [finding] = (await client.get(path)).json()["findings"]
    assert (finding["rule"], finding["agent_id"]) == ("consecutive_failures", "nova")
    assert finding["closed_at"] is None
    assert finding["evidence"]["count"] == 3
    everything = (await client.get(path, params={"state": "all"})).json()["findings"]
    closed = next(finding for finding in everything if finding["agent_id"] == "sage")
    assert closed["closed_at"]
    assert closed["closing_evidence"]["run"]["status"] == "success"
    assert len((await client.get(path, params={"state": "all", "limit": 1})).json()["findings"]) == 1


@pytest.mark.anyio
async def test_what_is_wrong_now_is_judged_and_not_stored(
    client: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    path = "/api/v1/internal/audit/now"
    assert (await client.get(path)).json() | {"judged_at": None} == {
        "judged_at": None,
        "agents": 0,
        "findings": [],
        "not_judged": [],
        "last_cycle_at": None,
        "interval_seconds": 300.0,
    }
    await db.execute(FAILING, "nova")
    await db.execute("INSERT INTO agent (agent_id, created_at) VALUES ('a', '9999-12-31')")
    now = (await client.get(path)).json()
    rules = {finding["rule"]: finding["id"] for finding in now["findings"]}
    assert (rules["consecutive_failures"], now["agents"]) == (None, 2)
    [crash] = now["not_judged"]
    assert (crash["rule"], crash["agent_id"]) == ("never_reported", "a")
    assert await db.fetchval("SELECT count(*) FROM audit_finding") == 0
    async with transaction() as session:
        await audit_and_announce(session)
    now = (await client.get(path)).json()
    assert str(await db.fetchval("SELECT id FROM audit_finding WHERE agent_id = 'nova'")) in {
        finding["id"] for finding in now["findings"]
    }


@pytest.mark.anyio
@pytest.mark.parametrize("query", [{"state": "closed"}, {"limit": 0}, {"limit": 1001}, {"limit": "many"}])
async def test_a_bad_query_is_refused(client: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await client.get("/api/v1/internal/audit/findings", params=query)).status_code == 422
