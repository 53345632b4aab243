"""Secrets of several kinds from a report to what the product shows of it: over HTTP and in the database."""

import io
import json
import logging

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.db.session import transaction
from app.logs import configure_logging, get_logger
from app.quality.export import ratings_page
from app.scoring.pipeline import score_runs
from app.services.agent_run_log_service import write_run_log
from support.alerting import audited

pytestmark = pytest.mark.anyio

RUNS, PUBLIC = "/api/v1/internal/agent-run-log", "/api/v1/public/platform/intelligence"
KINDS = [
    ("mysql -u root -p hunter2pass!", "hunter2pass!"),
    ("deploy --password S3cretPw99", "S3cretPw99"),
    ("das Passwort ist Sommer2026!", "Sommer2026!"),
    ("contraseña: Verano2026!", "Verano2026!"),
    ("got session=8f3a9c2b7d1e4f60a5b8c1d2 back", "8f3a9c2b7d1e4f60a5b8c1d2"),
    ("charged 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("key pk_live_4eC39HqLyjWDarjtT1zdp7dc", "pk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("パスワードはNatsu2026!です", "Natsu2026!"),
]


@pytest.mark.parametrize(("text", "secret"), KINDS)
async def test_a_secret_is_stored_as_sent_scored_and_shown_nowhere_else(
    api: httpx.AsyncClient, db: asyncpg.Connection, text: str, secret: str
) -> None:
    actions = {"summary": f"Moved 3 jobs, {text}", "deep": [{"note": text}]}
    run_id = await write_run_log("nova", actions, "failed")
    for _ in range(2):
        await write_run_log("nova", actions, "failed")
    rated = await api.post(
        f"{RUNS}/{run_id}/feedback", json={"rating": 0.2, "rater": "ada", "comment": f"Why {text}?"}
    )
    assert rated.status_code == 204
    async with transaction() as session:
        await score_runs(session, [run_id])

    row = (await api.get(f"{RUNS}/{run_id}")).json()
    assert row["actions_taken"] == actions
    scores = json.loads(await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id))
    assert scores["dimensions"]["risk"] == 0
    assert secret not in " ".join(scores["reasons"])

    card = (await api.get(PUBLIC)).json()["events"][0]["action"]
    assert card.startswith("Moved 3 jobs, ")
    assert "[redacted]" in card
    cycle = await audited()
    assert cycle.opened
    async with transaction() as session:
        page = await ratings_page(session, None, None)
    shown = [card, str(page.lines), str([(each.message, each.evidence) for each in cycle.opened])]
    for accept in ("application/json", "text/markdown"):
        answer = await api.get("/api/v1/internal/agents/nova/feedback", headers={"Accept": accept})
        shown.append(answer.text)
    assert [each for each in shown if secret in each] == []
    assert "[redacted]" in page.lines[0]["comment"]


@pytest.mark.parametrize(("text", "secret"), KINDS)
async def test_a_refused_report_is_not_repeated(api: httpx.AsyncClient, text: str, secret: str) -> None:
    body = {"agent_id": "nova", "status": text, "actions_taken": {"password": [text]}}
    answer = await api.post(RUNS, json=body)
    assert answer.status_code == 422
    assert secret not in json.dumps(answer.json(), ensure_ascii=False)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_logs_are_masked_tracebacks_included(monkeypatch: pytest.MonkeyPatch, log_format: str) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    try:
        configure_logging(Settings(log_format=log_format))
        error = ValueError("--password S3cretPw99 in the traceback")
        get_logger("app.test").warning("tried", command="sshpass -p Harbour!2291 ssh x", exc_info=error)
        logging.getLogger("library").warning("sent %s", "password=Kanu!tt88")
        root.handlers[0].flush()
    finally:
        root.handlers[:], root.level = handlers, level
    written = stream.getvalue()
    assert written.count("[redacted]") >= 3
    assert "ValueError" in written
    assert [each for each in ("S3cretPw99", "Harbour!2291", "Kanu!tt88") if each in written] == []
