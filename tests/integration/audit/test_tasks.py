"""The Auditor's task: one cycle at a time, reported as a run of the agent `auditor`."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.audit import calibration
from app.config import get_settings
from app.tasks import audit_tasks  # not the task: pytest would look into it before there are settings
from app.tasks.celery_app import celery_app
from app.tasks.schedule import beat_schedule
from support.alerting import settle
from support.receiver import receiving

FAILING = """
    INSERT INTO agent_run_log (agent_id, actions_taken, status, created_at)
    SELECT 'nova', '{"summary": "aborted"}', 'failed', clock_timestamp() - i * interval '1 minute'
    FROM generate_series(1, 3) i
"""
UNREADABLE = "INSERT INTO agent (agent_id, created_at) VALUES ('atlas', '9999-12-31')"
AGE = "UPDATE audit_cycle SET ended_at = ended_at - interval '10 minutes'"


class Log:
    """The test's database, for a test that is no coroutine because the task runs its own loop."""

    def __init__(self, url: str) -> None:
        self._url = url

    def fetch(self, query: str) -> list[asyncpg.Record]:
        return asyncio.run(self._run("fetch", query))

    def execute(self, statement: str) -> None:
        asyncio.run(self._run("execute", statement))

    async def _run(self, method: str, statement: str) -> Any:
        connection = await asyncpg.connect(self._url)
        try:
            return await getattr(connection, method)(statement)
        finally:
            await connection.close()

    def cycles(self) -> list[tuple[str, dict[str, Any]]]:
        rows = self.fetch(
            "SELECT status, actions_taken FROM agent_run_log WHERE agent_id = 'auditor' ORDER BY created_at"
        )
        return [(row["status"], json.loads(row["actions_taken"])) for row in rows]


@pytest.fixture
def log(database: str, servers: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setenv("CELERY_BROKER_URL", servers.broker_url)
    get_settings.cache_clear()
    return Log(database)


def test_a_cycle_is_reported_as_a_run(log: Log) -> None:
    log.execute(FAILING)
    audit_tasks.run_audit()
    [(status, actions)] = log.cycles()
    assert status == "success"
    finding = {"rule": "consecutive_failures", "agent_id": "nova"}
    assert actions == {
        "summary": "Agents checked: 1; findings opened: 1, closed: 0, open: 1",
        "agents_checked": 1,
        "findings_open": 1,
        "opened": [finding],
        "closed": [],
        "open": [finding],
        "errors": [],
    }


@pytest.mark.parametrize(("seconds", "checked"), [(20.0, 7), (0.0, 2)])
def test_agents_that_there_was_no_time_for_are_judged_at_once(
    log: Log, monkeypatch: pytest.MonkeyPatch, seconds: float, checked: int
) -> None:
    monkeypatch.setattr(calibration, "AGENTS_AT_ONCE", 2)
    monkeypatch.setattr(calibration, "JUDGING_SECONDS_AN_AGENT", 0.0)
    monkeypatch.setattr(audit_tasks, "AUDIT_SECONDS", seconds)
    log.execute(
        "INSERT INTO agent_run_log (agent_id, status, actions_taken, created_at)"
        " SELECT 'nova-' || agent, 'failed', '{\"summary\": \"aborted\"}',"
        " clock_timestamp() - i * interval '1 minute'"
        " FROM generate_series(1, 7) AS agent, generate_series(1, 3) i"
    )
    audit_tasks.run_audit()
    [(_, actions)] = log.cycles()
    assert (actions["agents_checked"], actions.get("agents_left", 0)) == (checked, 7 - checked)
    assert len(actions["opened"]) == len(actions["open"]) == actions["findings_open"] == checked
    assert [row["count"] for row in log.fetch("SELECT count(*) FROM audit_finding")] == [checked]
    said = f"Agents checked: {checked}; findings opened: {checked}, closed: 0, open: {checked}"
    assert actions["summary"] == said + ("; left for the next cycle: 5 agents" if checked < 7 else "")


def test_a_cycle_soon_after_another_does_nothing(log: Log) -> None:
    audit_tasks.run_audit()
    audit_tasks.run_audit()
    assert len(log.cycles()) == 1
    log.execute(AGE)
    audit_tasks.run_audit()
    assert len(log.cycles()) == 2


def test_a_run_that_is_reported_as_the_auditor_stops_no_cycle(log: Log) -> None:
    log.execute("INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('auditor', '{}')")
    audit_tasks.run_audit()
    assert len(log.cycles()) == 2


def test_every_cycle_is_recorded(log: Log) -> None:
    log.execute(FAILING)
    audit_tasks.run_audit()
    log.execute(AGE)
    log.execute("DROP TABLE audit_finding")
    with pytest.raises(SQLAlchemyError):
        audit_tasks.run_audit()
    columns = "agents, opened, closed, errors, error"
    done, failed = log.fetch(f"SELECT {columns} FROM audit_cycle ORDER BY ended_at")  # noqa: S608
    assert tuple(done) == (1, 1, 0, 0, None)
    assert "audit_finding" in failed["error"]


def test_two_beats_at_once_make_one_cycle(log: Log) -> None:
    log.execute(FAILING)
    assert audit_tasks.run_audit.name == "app.tasks.audit_tasks.run_audit"
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(audit_tasks.run_audit) for _ in range(4)]:
            done.result()
    assert len(log.cycles()) == 1
    assert len(log.fetch("SELECT id FROM audit_finding")) == 1


def test_a_crashed_rule_makes_the_cycle_partial(log: Log) -> None:
    log.execute(FAILING)
    log.execute(UNREADABLE)
    audit_tasks.run_audit()
    [(status, actions)] = log.cycles()
    assert status == "partial"
    assert actions["summary"].endswith("; rules crashed: 1")
    assert {opened["rule"] for opened in actions["opened"]} == {"consecutive_failures", "not_judged"}
    [error] = actions["errors"]
    assert (error["rule"], error["agent_id"]) == ("never_reported", "atlas")
    assert "out of range" in error["error"]


def test_a_cycle_that_could_not_be_done_is_a_failed_run(log: Log) -> None:
    log.execute("DROP TABLE audit_finding")
    with pytest.raises(SQLAlchemyError):
        audit_tasks.run_audit()
    [(status, actions)] = log.cycles()
    assert status == "failed"
    assert "audit_finding" in actions["error"]


def test_the_report_of_many_findings_stays_small(log: Log) -> None:
    log.execute(
        "INSERT INTO agent_run_log (agent_id, actions_taken, status, created_at)"
        " SELECT 'agent-' || a, '{\"summary\": \"aborted\"}', 'failed',"
        " clock_timestamp() - i * interval '1 minute' FROM generate_series(1, 3) i, generate_series(1, 300) a"
    )
    audit_tasks.run_audit()
    [(_, actions)] = log.cycles()
    assert actions["findings_open"] == 300
    assert len(actions["open"]) == 100


def test_beat_sends_tasks_that_exist(log: Log) -> None:
    celery_app.loader.import_default_modules()
    assert {entry["task"] for entry in beat_schedule(get_settings()).values()} <= set(celery_app.tasks)


def test_a_healthy_cycle_pings(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        settle(monkeypatch, audit_ping_url=receiver.url)
        audit_tasks.run_audit()
        audit_tasks.run_audit()  # too soon to be one
        assert [(each.method, each.path) for each in receiver.requests] == [("GET", "/hooks/s3cr3tpath")]


def test_a_cycle_with_a_crashed_rule_pings_a_failure(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.execute(UNREADABLE)
    with receiving() as receiver:
        settle(monkeypatch, audit_ping_url=f"{receiver.url}/?key=1")
        audit_tasks.run_audit()
        assert [each.path for each in receiver.requests] == ["/hooks/s3cr3tpath/fail?key=1"]


def test_a_cycle_that_could_not_be_done_does_not_ping(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.execute("DROP TABLE audit_finding")
    with receiving() as receiver:
        settle(monkeypatch, audit_ping_url=receiver.url)
        with pytest.raises(SQLAlchemyError):
            audit_tasks.run_audit()
        assert receiver.requests == []


REFUSE_ITS_RUNS = "ALTER TABLE agent_run_log ADD CONSTRAINT no_auditor CHECK (agent_id <> 'auditor')"


def test_a_cycle_whose_run_is_refused_pings_and_is_known(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log.execute(FAILING)
    log.execute(REFUSE_ITS_RUNS)
    with receiving() as receiver:
        settle(monkeypatch, audit_ping_url=receiver.url)
        audit_tasks.run_audit()
        assert [each.path for each in receiver.requests] == ["/hooks/s3cr3tpath"]
    assert [row["opened"] for row in log.fetch("SELECT opened FROM audit_cycle")] == [1]
    assert "audit_not_reported" in caplog.text


def test_a_failed_cycle_whose_run_is_refused_is_known_by_its_own_error(log: Log) -> None:
    log.execute("DROP TABLE audit_finding")
    log.execute(REFUSE_ITS_RUNS)
    with pytest.raises(SQLAlchemyError, match="audit_finding"):
        audit_tasks.run_audit()
    [cycle] = log.fetch("SELECT error FROM audit_cycle")
    assert "audit_finding" in cycle["error"]


def test_a_ping_that_fails_is_tried_again_and_fails_no_cycle(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver:
        receiver.status = 500
        settle(monkeypatch, audit_ping_url=receiver.url)
        audit_tasks.run_audit()
        assert len(receiver.requests) == 3
    log.execute(AGE)
    audit_tasks.run_audit()  # no one listens any more
    assert [status for status, _ in log.cycles()] == ["success", "success"]
    assert caplog.text.count("ping_failed") == 2
    assert "s3cr3tpath" not in caplog.text
