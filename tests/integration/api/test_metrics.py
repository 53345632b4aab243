"""The numbers for Prometheus."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.alerting import settle
from support.applications import opened
from support.auditing import record_cycles

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"


async def samples(api: httpx.AsyncClient) -> dict[str, float]:
    """Every sample of /metrics, by name and labels."""
    answer = await api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_count_what_happened(api: httpx.AsyncClient) -> None:
    before = await samples(api)
    headers = {"Idempotency-Key": "key"}
    for status in ("success", "success", "failed"):
        await api.post(ENDPOINT, json={"agent_id": "sage", "status": status})
    for n in (1, 1, 2):
        run = {"agent_id": "sage", "status": "partial", "actions_taken": {"n": n}}
        await api.post(ENDPOINT, json=run, headers=headers)
    after = await samples(api)

    def counted(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert counted("runlog_runs_total[('status', 'success')]") == 2
    assert counted("runlog_runs_total[('status', 'failed')]") == 1
    assert counted("runlog_runs_total[('status', 'partial')]") == 1
    assert counted("runlog_runs_repeated_total") == 1
    assert counted("runlog_runs_refused_total[('reason', 'idempotency_conflict')]") == 1
    assert counted("runlog_ingest_commit_seconds_count") == 6
    assert after["runlog_ingest_queued"] == 0


async def test_every_metric_has_a_help_text(api: httpx.AsyncClient) -> None:
    families = list(text_string_to_metric_families((await api.get("/metrics")).text))
    assert {family.name for family in families} >= {"runlog_runs", "runlog_score_dispatch_failed"}
    assert all(family.documentation for family in families if family.name.startswith("runlog_"))


async def test_each_agent_that_is_missing_with_others_is_down(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for agent in ("a", "b", "back", "quiet", "other"):
        await api.post(ENDPOINT, json={"agent_id": agent, "status": "success"})
    moment = datetime.now(UTC).isoformat()
    times = {"since": moment, "expected_until": moment, "resting": False, "returned": {"back": moment}}
    evidence = {"agents": ["a", "b", "back", "quiet"], "quiet": ["quiet"], **times}
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, severity, evidence)"
        " VALUES ('agents_missing', 'a', '2 agents are missing', 'high', $1)",
        json.dumps(evidence),
    )
    found = await samples(api)
    assert found["runlog_agents[('state', 'down')]"] == 2
    assert found["runlog_agents[('state', 'up')]"] == 3


async def test_the_fleet_is_measured_at_each_scrape(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_urls="mailto://h")
    before = await samples(api)
    assert "runlog_audit_age_seconds" not in before
    assert before["runlog_alerts[('channel', 'mailto'), ('state', 'pending')]"] == 0
    await db.execute("INSERT INTO agent (agent_id, paused) VALUES ('lyra', true), ('luma', false)")
    for agent in ("nova", "sage"):
        for _ in range(3):
            await api.post(ENDPOINT, json={"agent_id": agent, "status": "failed"})
    await record_cycles(db, ago=timedelta(seconds=5))
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, severity)"
        " VALUES ('stopped_reporting', 'nova', 'gone', 'high'), ('late', 'x', 'x', DEFAULT)"
    )
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, closed_at) VALUES ('late', 'y', '', now())"
    )
    await db.execute(
        "INSERT INTO alert_notification (kind, channel, state) VALUES ('opened', 'mailto', 'failed'),"
        " ('opened', 'old', 'sent'), ('test', 'mailto', 'sent')"
    )
    after = await samples(api)
    assert {name: value for name, value in after.items() if name.startswith("runlog_agents")} == {
        "runlog_agents[('state', 'down')]": 1,
        "runlog_agents[('state', 'new')]": 1,
        "runlog_agents[('state', 'paused')]": 1,
        "runlog_agents[('state', 'unknown')]": 0,
        "runlog_agents[('state', 'up')]": 1,
    }
    assert {name: value for name, value in after.items() if name.startswith("runlog_findings")} == {
        "runlog_findings_open[('rule', 'late'), ('severity', 'medium')]": 1,
        "runlog_findings_open[('rule', 'stopped_reporting'), ('severity', 'high')]": 1,
    }
    assert {name: value for name, value in after.items() if name.startswith("runlog_alerts")} == {
        "runlog_alerts[('channel', 'mailto'), ('state', 'failed')]": 1,
        "runlog_alerts[('channel', 'mailto'), ('state', 'pending')]": 0,
        "runlog_alerts[('channel', 'mailto'), ('state', 'sent')]": 0,
        "runlog_alerts[('channel', 'old'), ('state', 'sent')]": 1,
    }
    assert 0 <= after["runlog_audit_age_seconds"] < 120


async def test_scoring_is_measured_at_each_scrape(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    before = await samples(api)
    assert before["runlog_scoring_oldest_queued_seconds"] == 0
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, rlhf_scores, created_at) VALUES
            ('sage', NULL, now() - interval '1 hour'), ('sage', NULL, now()),
            ('sage', '{"overall": 0.5}', now())
    """)
    after = await samples(api)
    assert {name: value for name, value in after.items() if name.startswith("runlog_scoring_runs")} == {
        "runlog_scoring_runs[('state', 'error')]": 0,
        "runlog_scoring_runs[('state', 'queued')]": 2,
        "runlog_scoring_runs[('state', 'scored')]": 1,
        "runlog_scoring_runs[('state', 'scoring')]": 0,
    }
    assert 3600 <= after["runlog_scoring_oldest_queued_seconds"] < 3720


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:1/db", ""])
async def test_metrics_come_without_the_database_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url) if url else monkeypatch.delenv("DATABASE_URL", raising=False)
    settle(monkeypatch)
    async with opened() as client:
        found = await samples(client)
    assert "runlog_ingest_queued" in found
    assert not any(name.startswith("runlog_agents") for name in found)


async def test_the_judge_is_measured_where_there_is_one(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute(
        "INSERT INTO judge_usage (day, calls) VALUES ((now() AT TIME ZONE 'UTC')::date, 5), ('2026-01-01', 9)"
    )
    await db.execute(
        "INSERT INTO judge_outcome (day, outcome, calls, seconds) VALUES ('2026-01-01', 'judged', 7, 3.5),"
        " ('2026-01-02', 'judged', 1, 0.5), ('2026-01-02', 'timeout', 2, 60)"
    )
    assert not [name for name in await samples(api) if name.startswith("runlog_judge")]
    settle(monkeypatch, judge_url="http://h/v1", judge_model="m", judge_daily_budget=20)
    after = await samples(api)
    found = {name: value for name, value in after.items() if "judge" in name and "_created" not in name}
    assert found == {
        "runlog_judge_calls_total[('outcome', 'judged')]": 8,
        "runlog_judge_calls_total[('outcome', 'timeout')]": 2,
        "runlog_judge_seconds_total[('outcome', 'judged')]": 4,
        "runlog_judge_seconds_total[('outcome', 'timeout')]": 60,
        "runlog_judge_budget_left": 15,
    }
