"""OpenClaw's events become runs, whatever form they come in, and whatever else comes is answered with 2xx."""

import gzip
import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.internal import openclaw
from app.config import get_settings
from app.db.session import close_database
from app.runs.writer import close_writer
from support.openclaw import body

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/openclaw/cron"
PROMPT = "STUBDEFAULT do it"


@pytest.fixture(autouse=True)
def _unhurried_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine nothing is written to disk because the database is slow."""
    monkeypatch.setattr(openclaw, "RECORD_SECONDS", 60.0)


async def post(api: httpx.AsyncClient, *events: Any) -> None:
    """Post each event, which must be recorded."""
    for event in events:
        answer = await api.post(PATH, json=event)
        assert (answer.status_code, answer.content) == (204, b"")


async def rows(db: asyncpg.Connection) -> list[Any]:
    """Agent, status, summary and actions of every run."""
    found = await db.fetch(
        "SELECT agent_id, status, action_summary, actions_taken FROM agent_run_log ORDER BY created_at"
    )
    return [(*row[:3], json.loads(row[3])) for row in found]


async def kept(db: asyncpg.Connection, kind: str) -> list[Any]:
    """What is kept of this kind."""
    found = await db.fetch(
        "SELECT reason, body, times FROM openclaw_kept_event WHERE kind = $1 ORDER BY received_at", kind
    )
    return [(row[0], json.loads(row[1]), row[2]) for row in found]


async def test_a_webhook_becomes_a_run_under_its_key(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    sent = body("webhook-success-agentId-ops")
    await post(api, sent, sent)
    [(agent, status, summary, actions)] = await rows(db)
    assert (agent, status, summary) == ("ops", "success", sent["summary"])
    assert actions["usage"] == sent["usage"]
    assert "do it for ops" not in json.dumps(actions)
    key = await db.fetchval("SELECT key FROM agent_run_idempotency_key")
    assert key == f"openclaw:{sent['jobId']}:{sent['runAtMs']}"


async def test_a_silent_run_and_a_failed_one(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await post(api, body("webhook-ok-NO_REPLY"), body("plugin-cron_finished-05-ok-command"))
    await post(api, body("plugin-cron_finished-timeout"))
    counts = await db.fetch(
        "SELECT agent_id, status, consecutive_silence_count FROM agent_run_log ORDER BY created_at"
    )
    assert [tuple(row) for row in counts] == [
        ("main", "success", 1),
        ("main", "success", 2),
        ("ops", "failed", 0),
    ]


async def test_a_tool_that_failed_is_recorded_with_its_run_and_changes_no_status(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    tool = body("plugin-after_tool_call-3")
    finished = body("plugin-cron_finished-07-ok-agentTurn")
    finished["event"] |= {"sessionKey": tool["ctx"]["sessionKey"]}
    await post(api, {"events": [tool, tool, finished]})
    [(_, status, _, actions)] = await rows(db)
    assert status == "success"
    assert actions["tool_failures"] == [
        {
            "tool": "exec",
            "exit_code": 3,
            "output": "partial\n\n(Command exited with code 3)",
            "call_id": "call_1795910189544",
        }
    ]


async def test_an_alert_finds_its_agent_by_another_word_of_the_job(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    alert = body("alert-2")
    await post(api, alert)
    assert await rows(db) == []
    assert len(await kept(db, "alert")) == 1
    added = body("plugin-cron_added")
    added |= {"jobId": alert["jobId"], "job": added["job"] | {"id": alert["jobId"]}}
    await post(api, added)
    [(agent, status, summary, _)] = await rows(db)
    assert (agent, status, summary) == ("ops", "failed", "command exited with code 2")
    assert await kept(db, "alert") == []


async def test_an_alert_that_waited_long_enough_is_the_default_agents(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await post(api, body("alert-2"))
    await db.execute("UPDATE openclaw_kept_event SET received_at = received_at - interval '1 hour'")
    await openclaw.record(())
    [(agent, status, _, _)] = await rows(db)
    assert (agent, status) == ("main", "failed")
    assert await kept(db, "alert") == []


async def test_heartbeats_and_system_jobs_are_no_runs(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    reconciled = body("plugin-cron_reconciled-1")
    dreaming = next(job for job in reconciled["jobs"] if job["name"] == "Memory Dreaming Promotion")
    finished = body("plugin-cron_finished-03-ok-command")
    finished["event"] |= {"jobId": dreaming["id"], "job": finished["event"]["job"] | {"id": dreaming["id"]}}
    await post(api, reconciled, body("plugin-cron_finished-09-skipped-heartbeat"), finished)
    assert await rows(db) == []


async def test_agents_have_the_names_that_are_set(
    database: str, monkeypatch: pytest.MonkeyPatch, db: asyncpg.Connection
) -> None:
    monkeypatch.setenv("RUNLOG_OPENCLAW_AGENTS", "main=sage, ops=nova")
    get_settings.cache_clear()
    await openclaw.record(openclaw.facts_of([body("webhook-ok-command"), body("plugin-cron_finished-ok")]))
    assert {row[0] for row in await rows(db)} == {"sage", "nova"}
    await close_writer()
    await close_database()


async def test_the_plugin_knows_whose_job_it_is(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    sent = body("webhook-success-agentturn-cron-schedule")  # of `main`, it says
    listed = {"event": {"reason": "startup"}, "jobs": [sent["job"] | {"agentId": "aurora"}]}
    await post(api, listed, sent)
    assert [row[0] for row in await rows(db)] == ["aurora"]


async def test_prompts_are_stored_where_they_are_to_be(
    database: str, monkeypatch: pytest.MonkeyPatch, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await post(api, body("plugin-cron_finished-07-ok-agentTurn"))
    monkeypatch.setenv("RUNLOG_OPENCLAW_STORE_PROMPTS", "true")
    get_settings.cache_clear()
    await post(api, body("plugin-cron_finished-01-ok-agentTurn"))
    without, with_prompt = await rows(db)
    assert PROMPT not in str(without)
    assert with_prompt[3]["prompt"] == PROMPT


async def test_what_is_not_understood_is_kept_and_counted(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    event = {"action": "paused", "jobId": "j", "job": {"payload": {"message": PROMPT}}}
    await post(api, event, event)
    [(reason, stored, times)] = await kept(db, "unknown")
    assert reason == "an event that is not understood"
    assert (stored["action"], stored["job"]["payload"]["message"], times) == ("paused", "[left out]", 2)
    listed = (await api.get(PATH)).json()["events"]
    assert [(each["kind"], each["times"]) for each in listed] == [("unknown", 2)]
    assert 'runlog_openclaw_events_total{outcome="unknown"}' in (await api.get("/metrics")).text


async def test_of_what_is_kept_the_newest_stays(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.intake.openclaw_kept.MOST_KEPT", 3)
    await post(api, *({"new": number} for number in range(6)))
    assert [stored["new"] for _, stored, _ in await kept(db, "unknown")] == [3, 4, 5]


SECRET = "swordfish-4711"  # what no answer may hold
HOSTILE: list[tuple[bytes, dict[str, str]]] = [
    *((text, {}) for text in (b"", b"{", b"[", b"null", b"true", b"7", b'"x"', b"[]", b"{}", b"nope")),
    *(
        (text, {})
        for text in (b"NaN", b"[1e999999]", b"\xff\xfe{\x00}\x00", b"\x00", b"\x1f\x8b\x08", b"\xed\xa0\x80")
    ),
    *(
        (f'{{"{SECRET}": {text}}}'.encode(), {})
        for text in ("1", "null", "[]", '"\\ud800"', '"\\u0000"', "1e400")
    ),
    (b"[" * 5_000 + b"]" * 5_000, {}),
    (b'{"event":' * 5_000 + b"1" + b"}" * 5_000, {}),
    (b'{"events":' + b"[" * 90 + b"]" * 90 + b"}", {}),
    (b'{"a":' * 99 + SECRET.join('""').encode() + b"}" * 99, {}),
    (json.dumps({"message": SECRET * 40_000, "jobId": "j", "runAtMs": 1}).encode(), {}),
    (json.dumps({"action": "finished", "summary": SECRET * 70_000}).encode(), {}),
    (json.dumps({"events": [{"x": SECRET}] * 3_000}).encode(), {}),
    (json.dumps([[SECRET]] * 20_000).encode(), {}),
    (b"x" * 1_048_577, {}),
    (b"{}", {"content-type": "text/plain"}),
    (b"a=b", {"content-type": "application/x-www-form-urlencoded"}),
    (b"--x", {"content-type": "multipart/form-data; boundary=x"}),
    (b"{}", {"content-type": f"application/{SECRET}"}),
    (b"{}", {"content-type": ""}),
    (b"{}", {"content-encoding": "br"}),
    (b"{}", {"content-encoding": "gzip"}),
    (gzip.compress(b"0" * 2_000_000), {"content-encoding": "gzip"}),
    (gzip.compress(b"{}")[:-4], {"content-encoding": "gzip"}),
]
FINISHED = {"action": "finished", "jobId": "job", "runAtMs": 1_795_332_095_413, "status": "ok"}
ODD: list[Any] = [
    *(None, True, -1, 1.5, 10**40, "", "\0", "x" * 5_000, SECRET, [], {}, [SECRET], {SECRET: SECRET}),
]
HOSTILE += [
    (json.dumps(FINISHED | {field: odd, "note": SECRET}).encode(), {})
    for field in ("jobId", "runAtMs", "status", "action", "summary", "job", "sessionKey", "durationMs")
    for odd in ODD
]


async def test_whatever_comes_is_answered_with_2xx_and_not_echoed(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert len(HOSTILE) > 100
    for sent, headers in HOSTILE:
        answer = await api.post(PATH, content=sent, headers={"content-type": "application/json"} | headers)
        assert answer.status_code == 204, (sent[:80], headers)
        assert answer.content == b""
        assert SECRET not in str(answer.headers)
    # What can be a run is one.
    assert {row[1] for row in await rows(db)} == {"success"}


async def test_a_slash_at_the_end_is_no_redirect(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await api.post(f"{PATH}/", json=body("webhook-ok-command"))
    assert answer.status_code == 204
    assert len(await rows(db)) == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("Bearer right-one", 204),
        ("bearer right-one", 204),
        ("Bearer the-servers-own", 204),
        ("Bearer wrong", 401),
        ("Basic right-one", 401),
        ("", 401),
    ],
)
async def test_a_token_where_one_is_set(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, given: str, status: int
) -> None:
    monkeypatch.setenv("RUNLOG_OPENCLAW_TOKEN", "right-one")
    monkeypatch.setenv("RUNLOG_TOKEN", "the-servers-own")
    get_settings.cache_clear()
    answer = await api.post(PATH, json=body("webhook-ok-command"), headers={"authorization": given})
    assert answer.status_code == status
    assert "wrong-one" not in answer.text
    assert len(await rows(db)) == (status == 204)
    assert await db.fetchval("SELECT count(*) FROM openclaw_kept_event") == 0


async def test_without_a_database_an_event_waits_on_disk(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are away, as they are while a database is restored; nothing of an event is lost."""
    await db.execute("ALTER TABLE openclaw_job RENAME TO openclaw_job_away")
    prompt = "the prompt of this run"
    sent = body("webhook-success-agentturn-cron-schedule")
    sent["job"]["payload"]["message"] = prompt
    answers = [await api.post(PATH, json=event) for event in (sent, body("alert-2"), sent)]
    assert [answer.status_code for answer in answers] == [202] * 3
    files = sorted((Path(get_settings().data_dir) / "openclaw").glob("*.json"))
    assert len(files) == 3
    assert [path for path in files if prompt in path.read_text(encoding="utf-8")] == []
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    files[0].with_name("00-broken.json").write_text("{", encoding="utf-8")
    await db.execute("ALTER TABLE openclaw_job_away RENAME TO openclaw_job")
    assert await openclaw.spool().drain(openclaw.record) == 3
    assert not openclaw.spool().waits()
    assert len(await rows(db)) == 1
    assert len(await kept(db, "alert")) == 1
    assert len(list(files[0].parent.glob("*.unreadable"))) == 1


async def test_what_neither_database_nor_disk_takes_is_not_called_kept(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await db.execute("ALTER TABLE openclaw_job RENAME TO openclaw_job_away")
    (tmp_path / "file").touch()
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(tmp_path / "file"))
    get_settings.cache_clear()
    answer = await api.post(PATH, json=body("webhook-ok-command"))
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


async def test_every_witness_of_a_run_is_in_its_one_row(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """A plugin's event, then the failure alert, then the completion, then the agent's own report."""
    completion = body("completion-1")
    plugin = completion | {"sessionTarget": "isolated", "job": completion["job"] | {"delivery": None}}
    alert = body("alert-1")
    await post(api, plugin, alert, completion, alert, plugin)
    own = {
        "agent_id": "main",
        "status": "success",
        "run_key": f"openclaw:{completion['jobId']}:{completion['runAtMs']}",
        "actions_taken": {"summary": "Read 3 mails"},
    }
    answer = await api.post("/api/v1/internal/agent-run-log", json=own)
    assert answer.status_code == 204
    [(agent, status, summary, actions)] = await rows(db)
    assert (agent, status, summary) == ("main", "failed", "Read 3 mails")
    assert actions["error"] == completion["error"]
    shown = (await api.get(f"/api/v1/internal/agent-run-log/{answer.headers['Run-Id']}")).json()
    assert {each["source"] for each in shown["sources"]} == {
        *("agent", "openclaw-alert", "openclaw-completion", "openclaw-plugin"),
    }
    assert shown["started_at"] == "2026-11-28T23:58:07.331000Z"
    assert await kept(db, "refused") == []


async def test_a_recovery_does_not_make_a_silent_run_speak(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    sent = body("webhook-ok-NO_REPLY")
    recovery = body("alert-3") | {name: sent[name] for name in ("jobId", "runAtMs")}
    await post(api, sent, recovery)
    [(_, status, _, _)] = await rows(db)
    assert status == "success"
    assert await db.fetchval("SELECT consecutive_silence_count FROM agent_run_log") == 1


async def test_another_word_of_the_same_source_is_kept_and_changes_nothing(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    sent = body("webhook-ok-command")
    await post(api, sent, sent | {"summary": "something else"})
    assert [row[2] for row in await rows(db)] == [sent["summary"]]
    [(reason, stored, _)] = await kept(db, "refused")
    assert "another payload" in reason
    assert stored == {
        "run_key": f"openclaw:{sent['jobId']}:{sent['runAtMs']}",
        "source": "openclaw-webhook",
    }


async def test_a_clock_that_is_far_ahead_dates_nothing(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await post(api, body("webhook-ok-command") | {"runAtMs": 95_000_000_000_000})
    assert await db.fetchrow("SELECT started_at, finished_at FROM agent_run_report") in (None, (None, None))
    assert len(await rows(db)) == 1
