"""Hermes' signed webhooks, and its ledger of executions, as its own source has them."""

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import get_settings
from support.processes import called, serving

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/hermes/webhook"
SECRET = "a secret that both know"
SESSION = "cron_a1b2c3d4e5f6_20261130_090000"
ROWS = "SELECT agent_id, status, action_summary FROM agent_run_log ORDER BY created_at"
# The table as Hermes makes it, with the columns that it adds to older ones.
SCHEMA = """
    CREATE TABLE executions (
        id TEXT PRIMARY KEY, job_id TEXT NOT NULL, source TEXT NOT NULL, process_id TEXT NOT NULL,
        pid INTEGER NOT NULL, process_started_at INTEGER, status TEXT NOT NULL,
        handoff_pending INTEGER NOT NULL DEFAULT 0, handoff_started_at REAL, claimed_at TEXT NOT NULL,
        started_at TEXT, finished_at TEXT, error TEXT, delivery_outcome TEXT, scheduled_instant TEXT
    )
"""


def event(**extra: Any) -> dict[str, Any]:
    """What Hermes sends at the end of a session."""
    return {
        "hook_event_name": "on_session_end",
        "profile": "default",
        "tool_name": None,
        "tool_input": None,
        "session_id": SESSION,
        "cwd": "/home/user/project",
        "extra": {
            "task_id": "t1",
            "turn_id": "turn-1",
            "completed": True,
            "failed": False,
            "interrupted": False,
            "turn_exit_reason": "text_response(finish_reason=stop)",
            "model": "hermes-4",
            "platform": "cron",
            **extra,
        },
        "delivery_id": "3f2c9a",
        "timestamp": "2026-01-30T09:00:07.123456Z",
    }


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers with which Hermes sends a body."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Hermes-Agent-Outbound-Webhook",
        "X-Hermes-Event": "on_session_end",
        "X-Hermes-Delivery": "3f2c9a",
        "X-Hermes-Signature-256": f"sha256={digest}",
    }


async def post(api: httpx.AsyncClient, told: dict[str, Any], **more: Any) -> int:
    """What is answered to an event, signed."""
    body = json.dumps({**told, **more}, ensure_ascii=False).encode()
    return (await api.post(PATH, content=body, headers=signed(body))).status_code


@pytest.fixture
async def hermes(monkeypatch: pytest.MonkeyPatch, api: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that knows the secret."""
    monkeypatch.setenv("RUNLOG_HERMES_SECRET", SECRET)
    get_settings.cache_clear()
    yield api
    get_settings.cache_clear()


async def test_the_end_of_a_cron_jobs_session_is_a_run_once(
    hermes: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert [await post(hermes, event(), delivery_id=each) for each in ("1", "2")] == [204, 204]
    (row,) = await db.fetch("SELECT id::text, agent_id, status, actions_taken::text FROM agent_run_log")
    assert (row["agent_id"], row["status"]) == ("hermes", "success")
    assert json.loads(row["actions_taken"]) == {
        "stop_reason": "text_response(finish_reason=stop)",
        "job_id": "a1b2c3d4e5f6",
        "session_id": SESSION,
        "model": "hermes-4",
    }
    run = (await hermes.get(f"/api/v1/internal/agent-run-log/{row['id']}")).json()
    assert [each["source"] for each in run["sources"]] == ["hermes"]
    assert run["finished_at"] == "2026-01-30T09:00:07.123456Z"


@pytest.mark.parametrize(
    ("extra", "status", "summary"),
    [
        (
            {"completed": False, "failed": True, "turn_exit_reason": "empty_response"},
            "failed",
            "empty_response",
        ),
        # Hermes calls a run that was interrupted after it had answered completed as well.
        ({"interrupted": True, "turn_exit_reason": "interrupted_by_user"}, "failed", "interrupted_by_user"),
        ({"interrupted": True, "turn_exit_reason": None}, "failed", "interrupted"),
        ({"completed": False, "turn_exit_reason": "max_iterations_reached(90/90)"}, "partial", None),
        ({"failed": True, "turn_exit_reason": "password=hunter2hunter2"}, "failed", "password=[redacted]"),
    ],
)
async def test_how_a_session_ended(
    hermes: httpx.AsyncClient, db: asyncpg.Connection, extra: dict[str, Any], status: str, summary: str | None
) -> None:
    assert await post(hermes, event(**extra), profile="nova") == 204
    assert [tuple(row) for row in await db.fetch(ROWS)] == [("nova", status, summary)]


async def test_other_events_are_taken_and_are_no_runs(
    hermes: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    chat = {"session_id": "20261130_090000_abc", "extra": {"completed": True, "platform": "telegram"}}
    assert await post(hermes, event(), **chat) == 204
    assert await post(hermes, event(), hook_event_name="post_tool_call", tool_input={"command": "ls"}) == 204
    assert await post(hermes, event(completed=None)) == 204
    assert await post(hermes, event(), session_id=None, extra=None, timestamp=None, profile=None) == 204
    assert await db.fetch(ROWS) == []
    # A session that went on under another id is known by its platform.
    assert await post(hermes, event(), session_id="20261130_090100_é\0", timestamp="soon") == 204
    assert len(await db.fetch(ROWS)) == 1


async def test_what_is_not_signed_by_the_secret_is_refused(
    hermes: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    body = json.dumps(event()).encode()
    headers = signed(body)
    for wrong in (
        {**headers, "X-Hermes-Signature-256": ""},
        {**headers, "X-Hermes-Signature-256": headers["X-Hermes-Signature-256"].upper()},
        signed(body, "another"),
        signed(body + b" "),
        {key: value for key, value in headers.items() if key != "X-Hermes-Signature-256"},
    ):
        assert (await hermes.post(PATH, content=body, headers=wrong)).status_code == 401
    odd = {**headers, "X-Hermes-Signature-256": "sha256=é".encode()}
    assert (await hermes.post(PATH, content=body, headers=odd)).status_code == 401  # type: ignore[arg-type]
    assert await db.fetch(ROWS) == []
    assert await post(hermes, {"session_id": SESSION}) == 422
    assert (await hermes.post(PATH, content=b"[]", headers=signed(b"[]"))).status_code == 422


def test_a_signature_stands_for_the_token(database: str, tmp_path: Path) -> None:
    body = json.dumps(event()).encode()
    need = {"RUNLOG_REPORTS_NEED_TOKEN": "true", "RUNLOG_TOKEN": "a-token-of-this-test"}
    for env, unsigned in ((need, 401), ({**need, "RUNLOG_HERMES_SECRET": SECRET}, 401)):
        with serving(env=env, log=tmp_path / "serve.log") as url:
            plain = {"Content-Type": "application/json"}
            assert httpx.post(url + PATH, content=body, headers=plain, timeout=60).status_code == unsigned
            answer = httpx.post(url + PATH, content=body, headers=signed(body), timeout=60)
            assert answer.status_code == (204 if "RUNLOG_HERMES_SECRET" in env else 401)


def make_ledger(path: Path) -> Path:
    """A ledger as Hermes writes it, open in WAL."""
    path.parent.mkdir(parents=True)
    ok, late = "2026-01-30T09:00:00.5+01:00", "2026-01-30T09:05:00+01:00"
    rows = [
        ("e1", "completed", ok, ok, late, None, "delivered"),
        ("e2", "failed", ok, ok, late, "RuntimeError: password=hunter2hunter2", None),
        ("e3", "unknown", ok, None, late, "Scheduler restarted after this execution's owner exited", None),
        ("e4", "running", ok, ok, None, None, None),
        ("e5", "claimed", ok, None, None, None, None),
    ]
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA journal_mode=wal")
        ledger.execute(SCHEMA)
        ledger.executemany(
            "INSERT INTO executions"
            " (id, status, claimed_at, started_at, finished_at, error, delivery_outcome, job_id, source,"
            " process_id, pid) VALUES (?, ?, ?, ?, ?, ?, ?, 'a1b2c3d4e5f6', 'tick', 'p', 7)",
            rows,
        )
        ledger.commit()
    return path


def test_a_ledger_is_imported_once(database: str, tmp_path: Path) -> None:
    home = make_ledger(tmp_path / "hermes/cron/executions.db").parents[1]
    done = called("import", "hermes", home, "--agent", "nova", "--json")
    assert json.loads(done.stdout) == {"imported": 3, "known": 0, "refused": 0, "left_out": 2}
    again = called("import", "hermes", home / "cron/executions.db", "--agent", "nova")
    assert again.stdout == "Imported 0 runs; 3 known already; 2 left out, which have not ended\n"
    shown = called("runs", "--agent", "nova", "--json").stdout.splitlines()
    rows = sorted((json.loads(line) for line in shown), key=lambda row: row["actions_taken"]["execution_id"])
    assert [(row["status"], row["action_summary"]) for row in rows] == [
        ("success", None),
        ("failed", "RuntimeError: password=[redacted]"),
        ("failed", "Scheduler restarted after this execution's owner exited"),
    ]
    assert rows[0]["actions_taken"] == {
        "job_id": "a1b2c3d4e5f6",
        "execution_id": "e1",
        "trigger": "tick",
        "delivery_status": "delivered",
    }
    with asyncio.Runner() as runner:
        db = runner.run(asyncpg.connect(database))
        told = runner.run(db.fetch("SELECT source, started_at, finished_at FROM agent_run_report"))
        runner.run(db.close())
    start = datetime(2026, 1, 30, 8, 0, 0, 500_000, tzinfo=UTC)
    assert {tuple(row) for row in told} == {("hermes", start, start.replace(minute=5, microsecond=0))}


def test_a_file_that_is_no_ledger_is_one_sentence(database: str, tmp_path: Path) -> None:
    text, empty = tmp_path / "text", tmp_path / "empty.db"
    text.write_text("no database" * 100)
    with closing(sqlite3.connect(empty)) as other:
        other.execute("CREATE TABLE x (y)")
    for source in (text, empty, tmp_path / "nowhere", tmp_path):
        done = called("import", "hermes", source)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"runlog: {source}: ")
        assert done.stderr.count("\n") == 1
