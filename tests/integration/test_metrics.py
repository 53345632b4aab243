"""The numbers for Prometheus."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
