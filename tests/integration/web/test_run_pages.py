"""The pages of runs, without a browser: what they say of what is stored, and to whom they answer."""

import html
import json
import re
import shlex
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.config import Settings, get_settings
from app.main import create_app
from app.tasks.seal_tasks import seal
from app.tasks.verify_tasks import verify_some
from support.log_changes import UNGUARD
from support.witnesses import cosignature_line

pytestmark = pytest.mark.anyio

REPORTS = "/api/v1/internal/agent-run-log"


async def report(api: httpx.AsyncClient, *, key: str | None = None, **run: Any) -> str:
    """Record a run; returns its id."""
    body = {"agent_id": "sage", "status": "success", "actions_taken": {}, **run}
    answer = await api.post(REPORTS, json=body, headers={"Idempotency-Key": key} if key else {})
    assert answer.status_code == 204
    return str(answer.headers["Run-Id"])


def words(answer: httpx.Response) -> str:
    """What a page shows, on one line."""
    main = re.search("<main.*</main>", answer.text, re.DOTALL)
    assert main
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", main[0])).split())


async def test_a_score_that_is_missing_says_why(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    cases = {
        "queued": (None, "It waits for the Celery worker"),
        "failed": (
            {"overall": None, "error": "the worker was lost", "attempts": 4},
            "the worker was lost. 4 attempts. It is given up.",
        ),
        "unknown": ({"overall": "high"}, "holds no score that can be read"),
        "sound": (
            {"overall": 0.7, "dimensions": {"evidence": 0.5}, "reasons": ["shows it"]},
            "evidence 0.50 Why shows it",
        ),
    }
    for word, (scores, reason) in cases.items():
        run_id = await report(api, agent_id=word)
        await db.execute(
            "UPDATE agent_run_log SET rlhf_scores = $2 WHERE id = $1", run_id, scores and json.dumps(scores)
        )
        assert re.search(
            f"success, silent (0.70 )?{word}", words(await api.get("/runs", params={"agent_id": word}))
        )
        shown = words(await api.get(f"/runs/{run_id}"))
        assert reason in shown, shown[:600]


async def test_a_search_that_takes_too_long_says_what_to_narrow(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_DATABASE_TIMEOUT", "0.5")
    get_settings.cache_clear()
    async with db.transaction():
        await db.execute("LOCK TABLE agent_run_log")
        answer = await api.get("/runs", params={"q": "needle"})
    assert answer.status_code == 503
    assert "The search took too long" in answer.text
    assert 'value="needle"' in answer.text


async def test_the_findings_of_that_time_and_their_alerts_are_shown(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await report(api)
    for message, agent, opened, closed, notified in (
        ("open since yesterday", "sage", "1 day", None, "1 hour"),
        ("over for an hour", "sage", "2 days", "1 hour", None),
        ("opened because of it", "sage", "-3 minutes", None, None),
        ("of another agent", "nova", "1 day", None, None),
    ):
        await db.execute(
            "INSERT INTO audit_finding (rule, agent_id, message, severity, opened_at, closed_at, notified_at)"
            " VALUES ($1::text, $2, $1::text, 'high', now() - $3::text::interval, now() - $4::text::interval,"
            " now() - $5::text::interval)",
            *(message, agent, opened, closed, notified),
        )
    shown = words(await api.get(f"/runs/{run_id}"))
    assert re.search("open since yesterday .*?, still open; an alert last went out", shown)
    assert re.search("opened because of it .*?; no alert", shown)
    assert "over for an hour" not in shown
    assert "of another agent" not in shown


async def test_a_run_shows_its_key_and_the_command_that_reports_it_again(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    actions = {"summary": 'It\'s \u202e done; $(rm -rf ~) `x` \\ "q"\n', "n": 10**30}
    run_id = await report(api, key="nightly-7", agent_id="a 'b' & c", actions_taken=actions)
    page = await api.get(f"/runs/{run_id}")
    assert "Idempotency key nightly-7" in words(page)
    commands = [
        html.unescape(each) for each in re.findall("<pre[^>]*><code>(.*?)</code>", page.text, re.DOTALL)
    ]
    fetch, again = (shlex.split(each.replace("\\\n", "")) for each in commands)
    assert fetch[-1].endswith(f"{REPORTS}/{run_id}")
    body = again[again.index("-d") + 1]
    assert body.isascii()
    assert (
        await api.post(REPORTS, content=body, headers={"Content-Type": "application/json"})
    ).status_code == 204
    first, second = (await api.get(REPORTS, params={"agent_id": "a 'b' & c"})).json()["runs"]
    assert first["actions_taken"] == second["actions_taken"] == actions
    assert "Idempotency key none" in words(await api.get(f"/runs/{first['id']}"))
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET created_at = now() - interval '91 days'")
    assert "Idempotency key none is kept: " in words(await api.get(f"/runs/{first['id']}"))


async def test_an_unknown_part_or_run_is_not_found(api: httpx.AsyncClient) -> None:
    run_id = await report(api, actions_taken={"files": ["a"]})
    assert "a" in words(await api.get(f"/runs/{run_id}/payload", params={"path": "/files/0"}))
    for path in (f"/runs/{run_id}/payload?path=/files/1", f"/runs/{uuid4()}/payload", f"/runs/{uuid4()}"):
        assert (await api.get(path)).status_code == 404
    assert (
        await api.post(f"/runs/{uuid4()}/rating", data={"rating": "1", "rater": "Ada"})
    ).status_code == 404
    assert (await api.post(f"/runs/{run_id}/rating/undo", data={"rater": "Ada"})).status_code == 404


async def test_the_public_face_has_no_page_of_runs(database: str) -> None:
    app = create_app(Settings(expose="public"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as public:
        for path in ("/runs", f"/runs/{uuid4()}", f"/runs/{uuid4()}/payload"):
            assert (await public.get(path)).status_code == 404
        assert (await public.post(f"/runs/{uuid4()}/rating")).status_code == 404
        assert "/runs" not in (await public.get("/")).text


async def test_what_a_run_took_is_shown_where_its_report_says_so(api: httpx.AsyncClient) -> None:
    took = {"durationMs": 65_000, "usage": {"total_tokens": 1290}, "total_cost_usd": 0.42}
    page = await api.get(f"/runs/{await report(api, actions_taken=took)}")
    assert "It took 65 s · 1,290 tokens · $0.42, as it reports." in words(page)
    assert "It took" not in words(await api.get(f"/runs/{await report(api)}"))


async def test_it_names_the_findings_of_its_time_those_with_other_agents_too(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await report(api)
    for rule, agent_id, message, evidence in (
        ("late", "sage", "sage is late", {}),
        ("agents_missing", "x", "2 of 3 agents are missing", {"agents": ["sage", "nova"]}),
        ("agents_missing", "y", "another host is away", {"agents": ["nova"]}),
    ):
        await db.execute(
            "INSERT INTO audit_finding (rule, agent_id, message, severity, evidence)"
            " VALUES ($1, $2, $3, 'high', $4)",
            *(rule, agent_id, message, json.dumps(evidence)),
        )
    shown = words(await api.get(f"/runs/{run_id}"))
    assert "sage is late" in shown
    assert "2 of 3 agents are missing" in shown
    assert "another host is away" not in shown


async def test_the_audit_says_first_that_the_log_was_altered(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    finding = await db.fetchval(
        "INSERT INTO audit_finding (rule, agent_id, message, severity, evidence)"
        " VALUES ('log_tampered', 'auditor', 'It is so', 'critical', $1) RETURNING id",
        json.dumps({"problems": ["leaf 7 is missing"]}),
    )
    page = await api.get("/audit")
    assert 'class="verdict trouble"' in page.text  # though no cycle has judged
    assert "The log altered or unguarded critical" in words(page)
    assert "Found leaf 7 is missing" in words(page)
    assert f"/audit#finding-{finding}" in (await api.get("/")).text


async def test_a_run_says_whether_it_is_sealed_and_since_when(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await report(api)
    page = f"/runs/{run_id}"
    assert "It waits to be sealed" in words(await api.get(page))
    assert "0 leaves are sealed, what waits longest waits for" in words(await api.get("/audit"))
    await seal(get_settings(), at_once=True)
    shown = words(await api.get(page))
    assert "Sealed leaf 0 of the log" in shown
    assert "by the checkpoint of 3 leaves Proof" in shown
    assert (await api.get(f"{REPORTS}/{run_id}/proof")).json()["leaf_index"] == 0
    note = await db.fetchval("SELECT note FROM seal_checkpoint")
    line = cosignature_line(note.partition("\n\n")[0] + "\n", "witness.example/w1", bytes(32), 1)
    await db.execute("UPDATE seal_checkpoint SET note = $1", note + line)
    assert "of 3 leaves, which witness.example/w1 signed too" in words(await api.get(page))
    await verify_some(get_settings())
    assert re.search(
        "nothing waits; they were last verified as a whole .* ago", words(await api.get("/audit"))
    )
    await db.execute("DELETE FROM seal_checkpoint")
    assert "Signed not yet" in words(await api.get(page))
