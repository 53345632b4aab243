"""Looking changes nothing: what only shows needs to write nothing, and announces nothing."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest

from app.audit.tampering import note_problems
from app.config import get_settings
from app.db.session import transaction
from app.main import create_app
from support.alerting import FAILING, FIXED, SECRET, audited, settle, states
from support.processes import called

LOOKING = [
    "runs",
    "agents",
    "audit",
    "audit --json",
    "audit backtest --since 30d",
    "alerts list",
    "config",
    "schema check",
    "score status",
    "score judge status",
    "score trend",
    "score review",
    "score agreement",
    "score models",
    "feedback nova",
    "export preferences",
    "export ratings",
]
CYCLE = "INSERT INTO audit_cycle (ended_at) VALUES ($1::text::interval + now())"


def on(database: str, *statements: Any) -> list[Any]:
    """The rows of the last of `statements`, each a text or a tuple of it and its arguments."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(database)
        rows: list[Any] = []
        for statement in statements:
            text, *arguments = (statement,) if isinstance(statement, str) else statement
            rows = [tuple(row) for row in await connection.fetch(text, *arguments)]
        await connection.close()
        return rows

    return asyncio.run(run())


@pytest.fixture
def read_only(database: str) -> str:
    """A database with a failing agent in which new connections can write nothing."""
    on(database, (FAILING, "nova"))
    asyncio.run(audited())
    on(database, (FAILING, "sage"), (FIXED, "nova"))
    name = on(database, "SELECT current_database()")[0][0]
    on(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    return database


@pytest.mark.parametrize("arguments", LOOKING)
def test_a_command_that_looks_needs_to_write_nothing(arguments: str, read_only: str) -> None:
    done = called(*arguments.split(), RUNLOG_JUDGE_URL="http://127.0.0.1:1", RUNLOG_JUDGE_MODEL="none")
    assert "read-only" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.anyio
async def test_no_get_writes(read_only: str) -> None:
    app = create_app()
    paths = [path for path, methods in app.openapi()["paths"].items() if "get" in methods]
    assert len(paths) > 10
    paths = [
        "/metrics",
        *(path for path in paths if not path.startswith("/readyz")),
    ]  # these say that it is so
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in paths:
            answer = await client.get(path.replace("{agent_id}", "nova"))
            assert "read-only" not in answer.text
            assert answer.status_code < 500 or path == "/readyz", (path, answer.text)


def test_audit_shows_what_is_wrong_now_and_leaves_it_to_the_cycle(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_settings.cache_clear()
    on(database, (FAILING, "nova"))
    shown = called("audit")
    assert "new       high  nova  consecutive_failures" in shown.stdout
    assert "The Auditor has not run yet" in shown.stderr
    assert "runs it every 5 min, for the first time that long after its start" in shown.stderr
    [finding] = map(json.loads, called("audit", "--json").stdout.splitlines())
    assert (finding["id"], finding["agent_id"]) == (None, "nova")
    assert on(database, "SELECT 1 FROM audit_finding") == []
    # The cycle, which knows the channels, announces it for all that.
    settle(monkeypatch, alert_webhook_url="http://127.0.0.1:1/", alert_webhook_secret=SECRET)
    asyncio.run(audited())
    assert on(database, "SELECT kind FROM alert_notification") == [("opened",)]
    stored = str(on(database, "SELECT id FROM audit_finding")[0][0])
    assert stored[:8] in called("audit").stdout
    on(database, (FIXED, "nova"))
    monkeypatch.delenv("RUNLOG_ALERT_WEBHOOK_URL")
    assert "No findings: 1 agent checked" in called("audit").stdout
    assert on(database, "SELECT closed_at FROM audit_finding") == [(None,)]
    settle(monkeypatch, alert_webhook_url="http://127.0.0.1:1/")
    asyncio.run(audited())
    assert on(database, "SELECT kind FROM alert_notification ORDER BY created_at") == [
        ("opened",),
        ("closed",),
    ]


def test_audit_shows_a_finding_as_it_is_now(database: str) -> None:
    on(database, (FAILING, "nova"))
    asyncio.run(audited())
    on(database, (FAILING.replace("- i", "+ i"), "nova"))
    before = on(database, "SELECT message FROM audit_finding")
    [finding] = map(json.loads, called("audit", "--json").stdout.splitlines())
    assert "6 times" in finding["message"]
    assert on(database, "SELECT message FROM audit_finding") == before


def test_audit_tells_what_is_stored_from_what_is_new(database: str) -> None:
    """Before the first cycle the verification of the log stores what it finds, and nothing else does."""

    async def tampered() -> None:
        async with transaction() as session:
            await note_problems(session, ["run 1 was altered"])

    get_settings.cache_clear()
    on(database, (FAILING, "nova"))
    asyncio.run(tampered())
    shown = called("audit")
    [(stored,)] = on(database, "SELECT left(id::text, 8) FROM audit_finding")
    assert f"{stored}  critical  auditor  log_tampered" in shown.stdout
    assert "new       high      nova  consecutive_failures" in shown.stdout
    assert "findings without an id are new, and neither stored nor announced" in shown.stderr


@pytest.mark.anyio
async def test_looking_waits_for_no_cycle_and_delays_none(db: asyncpg.Connection, database: str) -> None:
    from app.audit.cycle import judge_now, lock_audit
    from app.wiring import audit_settings

    await db.execute(FAILING, "nova")
    await audited()
    await db.execute(FIXED, "nova")
    async with transaction() as looking:
        judged = await judge_now(looking, audit_settings(get_settings()))
        assert [each.agent_id for each in judged.closed] == ["nova"]
        async with transaction() as session:
            assert await lock_audit(session)
        assert len((await audited()).closed) == 1
    assert await states(db) == []


@pytest.mark.parametrize(("before", "said"), [("-20 minutes", True), ("-10 seconds", False)])
def test_audit_says_where_no_cycle_has_run_for_long(before: str, said: bool, database: str) -> None:
    on(database, (CYCLE, before))
    done = called("audit")
    assert "Last cycle of the Auditor: " in done.stdout
    assert ("The Auditor has not run for 20 min" in done.stderr) is said
