"""The real processes with the least rights: the writer's, and the reader's for pages."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from celery import Celery

from app.broker import celery_settings
from app.config import get_settings
from app.embedded.postgres import Postgres
from app.tasks.schedule import beat_schedule
from support.alerting import SECRET
from support.brokers import Broker
from support.derived import check_derived
from support.processes import UNHURRIED, eventually, free_port, running, served
from support.receiver import Receiver, receiving
from support.roles import as_login, server_of_its_own, with_roles
from support.schema_databases import query

INTERNAL = "/api/v1/internal"
REPORTS = f"{INTERNAL}/agent-run-log"
OPENCLAW = {
    "jobId": "job-1",
    "action": "finished",
    "job": {"id": "job-1", "agentId": "main", "name": "Digest"},
    "runAtMs": 1795332095413,
    "status": "ok",
    "summary": "7 deploys",
}
PAGES = ("/", "/runs", "/agents", "/audit", "/review", "/swarm", "/day", "/badge/fleet.svg", "/metrics")
READS = (
    *(f"{INTERNAL}/{name}" for name in ("agent-run-log", "agents", "agents/sage", "agents/sage/feedback")),
    *(f"{INTERNAL}/{name}" for name in ("audit/findings", "audit/now", "alerts", "review-queue", "quality")),
    *(f"{INTERNAL}/{name}" for name in ("scoring/agreement", "openclaw/cron")),
    *("/readyz/ingest", "/api/v1/public/platform/intelligence"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with the roles and their logins."""
    with server_of_its_own(tmp_path_factory.mktemp("roles") / "postgres") as server:
        with_roles(server.url)
        yield server


def use_everything(client: httpx.Client) -> str:
    """What agents and people send; returns the id of a run."""

    def send(method: str, path: str, body: Any = None) -> httpx.Response:
        answer = client.request(method, f"{INTERNAL}/{path}", json=body)
        assert answer.status_code in {200, 201, 202, 204}, (path, answer.text)
        return answer

    report = {
        "agent_id": "sage",
        "run_key": "run-1",
        "status": "success",
        "actions_taken": {"summary": "Fixed 3 tests", "tokens": 500},
    }
    send("POST", "agent-run-start", {"agent_id": "sage", "run_key": "run-1"})
    run_id = send("POST", "agent-run-log", report).headers["Run-Id"]
    further = {**report, "source": "cron", "status": "failed", "actions_taken": {"error": "exit 1"}}
    assert send("POST", "agent-run-log", further).headers["Run-Id"] == run_id
    for _ in range(4):
        send(
            "POST",
            "agent-run-log",
            {"agent_id": "nova", "status": "failed", "actions_taken": {"error": "no disk"}},
        )
        send("POST", "agent-run-log", {"agent_id": "quiet", "status": "success", "actions_taken": {}})
    send("POST", f"agent-run-log/{run_id}/feedback", {"rater": "ann", "rating": 0.25})
    send("POST", f"agent-run-log/{run_id}/feedback", {"rater": "bob", "rating": 0.5})
    send("DELETE", f"agent-run-log/{run_id}/feedback/bob")
    send("PUT", "agents/sage", {"role": "Backend", "schedule": "0 * * * *"})
    send("PATCH", "agents/sage", {"paused": True})
    send("PUT", "agents/gone", {"role": "None"})
    send("DELETE", "agents/gone")
    send("POST", "peer-swarm/heartbeat", {"agent_id": "peer"})
    send("POST", "agent-cloud/tasks", {"task_id": "t1", "status": "completed"})
    send("POST", "openclaw/cron", OPENCLAW)
    send("POST", "openclaw/cron", {"no": "event"})
    return run_id


@pytest.fixture
def processes(
    server: Postgres, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str, Receiver, Path]]:
    """All three: the addresses of the API and of the worker's metrics, where alerts go, and the log."""
    log, port = tmp_path / "log", free_port()
    with receiving() as receiver:
        for name, value in {
            "DATABASE_URL": as_login(server.url, "service"),
            "RUNLOG_REPLICA_DATABASE_URL": as_login(server.url, "pages"),
            "RUNLOG_ALERT_WEBHOOK_URL": receiver.url,
            "RUNLOG_ALERT_WEBHOOK_SECRET": SECRET,
            "RUNLOG_SCORE_SWEEP_INTERVAL": "0.5",
            "RUNLOG_AUDIT_INTERVAL": "1",
            "RUNLOG_PAYLOAD_DAYS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        metrics = ("--metrics-port", str(port))
        with (
            served(env={}, log=log) as api,
            running("worker", "--concurrency", "1", *metrics, env=UNHURRIED, log=log),
            running("beat", env={}, log=log),
        ):
            yield api.url, f"http://127.0.0.1:{port}/metrics", receiver, log


def start_every_task(broker: Broker) -> None:
    """Once, whatever beat's interval is."""
    with Celery(set_as_current=False) as app:
        app.conf.update(celery_settings(broker.url))
        for entry in beat_schedule(get_settings()).values():
            app.send_task(entry["task"])


def has_succeeded(metrics: str) -> Callable[[], bool]:
    """Whether the worker has done each of beat's tasks."""
    tasks = {entry["task"] for entry in beat_schedule(get_settings()).values()}

    def all_done() -> bool:
        shown = httpx.get(metrics).text
        return all(f'runlog_task_seconds_count{{outcome="success",task="{task}"}}' in shown for task in tasks)

    return all_done


def test_the_processes_work_as_the_writer(
    server: Postgres, broker: Broker, processes: tuple[str, str, Receiver, Path]
) -> None:
    url, metrics, receiver, log = processes
    with httpx.Client(base_url=url, timeout=60) as client:
        run_id = use_everything(client)
        unscored = "SELECT count(*) FROM agent_run_log WHERE NOT coalesce(rlhf_scores ? 'overall', false)"
        assert eventually(lambda: query(server.url, unscored) == [(0,)]), log.read_text()
        start_every_task(broker)
        assert eventually(has_succeeded(metrics)), log.read_text()
        findings = "SELECT rule, agent_id FROM audit_finding ORDER BY 1"
        assert eventually(lambda: ("consecutive_failures", "nova") in query(server.url, findings)), (
            log.read_text()
        )
        assert eventually(lambda: len(receiver.requests) > 0), log.read_text()
        (finding,) = query(server.url, "SELECT id FROM audit_finding WHERE agent_id = 'nova' LIMIT 1")
        acknowledged = client.post(f"{INTERNAL}/audit/findings/{finding[0]}/acknowledge", json={"by": "ann"})
        assert acknowledged.status_code == 204
        run = client.get(f"{REPORTS}/{run_id}").json()
        erasure = f"{REPORTS}/{run_id}/erasure", {"by": "ann", "reason": "asked for"}
        # Once a worker has sealed the run and its rating.
        assert eventually(lambda: client.post(erasure[0], json=erasure[1]).status_code == 204), (
            log.read_text()
        )
    assert (run["status"], {source["source"] for source in run["sources"]}) == ("failed", {"agent", "cron"})
    assert run["rlhf_scores"]["human"]["rating"] == 0.25
    assert "denied" not in log.read_text()

    async def check() -> None:
        db = await asyncpg.connect(server.url)
        await check_derived(db)
        await db.close()

    asyncio.run(check())


def test_every_page_is_read_as_the_reader(server: Postgres, tmp_path: Path) -> None:
    writer = {"DATABASE_URL": as_login(server.url, "service"), "CELERY_BROKER_URL": "memory://"}
    log = tmp_path / "log"
    with served(env=writer, log=log) as api, httpx.Client(base_url=api.url, timeout=60) as client:
        report = {
            "agent_id": "sage",
            "run_key": "k",
            "status": "success",
            "actions_taken": {"summary": "Fixed 3 tests"},
        }
        run_id = client.post(REPORTS, json=report).headers["Run-Id"]
    reader = {**writer, "DATABASE_URL": as_login(server.url, "pages")}
    with served(env=reader, log=log) as api, httpx.Client(base_url=api.url, timeout=60) as client:
        paths = (*PAGES, *READS, f"/runs/{run_id}", "/agents/sage", f"{REPORTS}/{run_id}")
        answers = {path: client.get(path, follow_redirects=True).status_code for path in paths}
        refused = client.post(REPORTS, json=report | {"run_key": "other"})
    assert {path: status for path, status in answers.items() if status != 200} == {}, log.read_text()
    assert refused.status_code == 503, refused.text
