"""Tasks of a real Celery worker as runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from agent_run_log.celery import install
from support.brokers import Broker
from support.processes import eventually
from support.reporting import Listener

TESTS = Path(__file__).parents[2]


@pytest.fixture
def app(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """Sends tasks to the worker."""
    monkeypatch.setenv("TEST_BROKER_URL", broker.url)
    return Celery("sender", broker=broker.url)


@pytest.fixture
def worker(app: Celery, listener: Listener, tmp_path: Path) -> Iterator[None]:
    """A worker with one process for tasks."""
    command = [sys.executable, "-m", "celery", "-A", "support.celery_agents", "worker", "--concurrency", "1"]
    env = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore", "C_FORCE_ROOT": "1"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


def runs(listener: Listener, agent: str, count: int = 1) -> list[tuple[str | None, dict[str, Any]]]:
    """The keys and bodies of the agent's runs, once there are so many."""

    def found() -> list[tuple[str | None, dict[str, Any]]]:
        bodies = [(key, json.loads(body)) for key, body in zip(listener.keys, listener.sent, strict=False)]
        return [(key, body) for key, body in bodies if body["agent_id"] == agent]

    assert eventually(lambda: len(found()) >= count), listener.sent
    return found()


@pytest.mark.usefixtures("worker")
def test_every_way_a_task_ends_is_a_run(app: Celery, listener: Listener) -> None:
    works = app.send_task("sage", ["word"]).id
    fails, again, hangs, dies, unknown = (
        app.send_task(name).id for name in ("nova", "atlas", "lyra", "luma", "scout")
    )
    late = app.send_task("helios", expires=datetime.now(UTC) - timedelta(minutes=1)).id

    ((key, body),) = runs(listener, "sage")
    assert (key, body["status"], body["source"]) == (f"celery:{works}:0", "success", "celery")
    assert body["actions_taken"].items() >= {"summary": "Did it", "word": "word"}.items()
    assert body["started_at"] <= body["finished_at"]

    ((key, body),) = runs(listener, "nova")
    assert (key, body["status"]) == (f"celery:{fails}:0", "failed")
    assert body["actions_taken"]["error"] == "ValueError: no such file"
    assert "in fails" in body["actions_taken"]["traceback"][-1]

    first, second = runs(listener, "atlas", 2)
    assert [first[0], second[0]] == [f"celery:{again}:0", f"celery:{again}:1"]
    assert (first[1]["status"], second[1]["status"]) == ("failed", "success")
    assert first[1]["actions_taken"].items() >= {"error": "OSError: busy", "tries_again": True}.items()
    assert second[1]["actions_taken"]["summary"] == "Did it the second time"

    for agent, task, error in (
        ("lyra", hangs, "The task was killed at its time limit of 1 seconds"),
        ("luma", dies, "WorkerLostError"),
        ("helios", late, "The task expired before it began"),
        ("scout", unknown, "No task scout is registered in the worker"),
    ):
        ((key, body),) = runs(listener, agent)
        assert (key, body["status"]) == (f"celery:{task}:0", "failed")
        assert body["actions_taken"]["summary"].startswith(error)
    app.send_task("sage", ["last"])
    runs(listener, "sage", 2)
    assert len(listener.sent) == 9


@pytest.mark.usefixtures("worker")
def test_a_task_that_is_revoked_is_a_failed_run(app: Celery, listener: Listener) -> None:
    hangs = app.send_task("lyra", time_limit=600)
    assert eventually(lambda: bool(app.control.inspect(timeout=5).active()))
    app.control.revoke(hangs.id, terminate=True)
    ((key, body),) = runs(listener, "lyra")
    assert (key, body["status"]) == (f"celery:{hangs.id}:0", "failed")
    assert body["actions_taken"]["summary"].startswith("The task was revoked and ended by signal")


def test_agents_are_named_by_task(listener: Listener) -> None:
    def work() -> str:
        return "Did it"

    app, other = Celery("mine"), Celery("other")
    install(app, {"rotate": "sage"})
    for each in (app, other):
        each.conf.task_always_eager = True
        for name in ("rotate", "unnamed"):
            each.task(name=name)(work).delay()
    ((_, body),) = runs(listener, "sage")
    assert (len(listener.sent), body["actions_taken"]["summary"]) == (1, "Did it")
