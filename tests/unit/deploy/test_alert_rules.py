"""The rules of `deploy/prometheus`: Prometheus takes them, and each fires for its fault alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from support.deployment import DEPLOY

RULES = DEPLOY / "prometheus/agent-run-log.rules.yaml"


class Case(NamedTuple):
    """Series by which an alert fires after so many minutes, its labels then, and those by which it does not.

    Values are in the notation of promtool, one a minute.
    """

    fault: dict[str, str]
    labels: dict[str, str]
    well: dict[str, str]
    minutes: int = 100


def one(series: str, fault: str, well: str, **labels: str) -> Case:
    """A case of one series."""
    return Case({series: fault}, labels, {series: well})


ON = "x800"  # and so on, longer than any case
CASES = {
    "RunlogDown": one(
        'up{job="runlog-workers",instance="work1:9101"}',
        f"0{ON}",
        f"1{ON}",
        job="runlog-workers",
        instance="work1:9101",
    ),
    "RunlogRunsRefused": Case(
        {'runlog_runs_refused_total{reason="queue_full"}': f"0+1{ON}"},
        {"reason": "queue_full"},
        {'runlog_runs_refused_total{reason="idempotency_conflict"}': f"0+1{ON}"},
    ),
    "RunlogCommitsSlow": Case(
        {
            'runlog_ingest_commit_seconds_bucket{le="1"}': f"0+1{ON}",
            'runlog_ingest_commit_seconds_bucket{le="2.5"}': f"0+3{ON}",
            'runlog_ingest_commit_seconds_bucket{le="+Inf"}': f"0+3{ON}",
        },
        {},
        {
            'runlog_ingest_commit_seconds_bucket{le="0.1"}': f"0+3{ON}",
            'runlog_ingest_commit_seconds_bucket{le="+Inf"}': f"0+3{ON}",
        },
    ),
    "RunlogFleetNotMeasured": Case({}, {}, {'runlog_agents{state="up"}': f"3{ON}"}),
    "RunlogAuditStopped": one("runlog_audit_age_seconds", f"0+60{ON}", f"290{ON}"),
    "RunlogBeatStopped": one('runlog_beat_sent_total{task="audit"}', f"7{ON}", f"0+1{ON}"),
    "RunlogTasksFail": one(
        'runlog_task_seconds_count{task="audit",outcome="failure"}', f"0+1{ON}", f"3{ON}", task="audit"
    ),
    "RunlogBrokerAway": one("runlog_score_dispatch_failed_total", f"0+1{ON}", f"9{ON}"),
    "RunlogScoringBehind": one("runlog_scoring_oldest_queued_seconds", f"0+60{ON}", f"30{ON}"),
    "RunlogScoringFails": one('runlog_scoring_runs{state="error"}', f"0+1{ON}", f"5{ON}"),
    "RunlogAlertsLost": one(
        'runlog_alerts{channel="webhook",state="failed"}', f"0+1{ON}", f"5{ON}", channel="webhook"
    ),
    "RunlogAlertsWait": Case(
        {'runlog_alerts{channel="webhook",state="pending"}': f"2{ON}"},
        {"channel": "webhook"},
        {'runlog_alerts{channel="webhook",state="pending"}': f"2x600 0{ON}"},
        13 * 60,
    ),
    "RunlogSealingStopped": one("runlog_seal_lag_seconds", f"0+60{ON}", f"10{ON}"),
    # It is as old where nothing has come in.
    "RunlogCheckpointsStopped": Case(
        {"runlog_checkpoint_age_seconds": f"0+60{ON}", 'runlog_runs_total{status="success"}': f"0+1{ON}"},
        {},
        {"runlog_checkpoint_age_seconds": f"0+60{ON}", 'runlog_runs_total{status="success"}': f"9{ON}"},
    ),
    "RunlogLogTampered": one(
        'runlog_findings_open{rule="log_tampered",severity="critical"}', f"1{ON}", f"0{ON}"
    ),
    "RunlogVerificationStopped": one("runlog_verified_leaves_total", f"9{ON}", f"0+9{ON}"),
    "RunlogCheckpointsNotDelivered": one(
        'runlog_checkpoint_delivery_failures{destination="webhook"}',
        f"5{ON}",
        f"1{ON}",
        destination="webhook",
    ),
    "RunlogReplicaBehind": one("runlog_replica_lag_seconds", f"31{ON}", f"2{ON}"),
    "RunlogSpansRejected": one('runlog_otlp_spans_total{outcome="rejected"}', f"0+1{ON}", f"1{ON}"),
    "RunlogOpenclawEventsLost": one(
        'runlog_openclaw_events_total{outcome="lost"}', f"0+1{ON}", f"1{ON}", outcome="lost"
    ),
    # Each server says the same of all calls.
    "RunlogJudgeFails": Case(
        {
            'runlog_judge_calls_total{outcome="timeout",instance="a"}': f"0+3{ON}",
            'runlog_judge_calls_total{outcome="judged",instance="a"}': f"0+2{ON}",
            'runlog_judge_calls_total{outcome="judged",instance="b"}': f"0+2{ON}",
        },
        {},
        {
            'runlog_judge_calls_total{outcome="timeout",instance="a"}': f"0+1{ON}",
            'runlog_judge_calls_total{outcome="timeout",instance="b"}': f"0+1{ON}",
            'runlog_judge_calls_total{outcome="judged",instance="a"}': f"0+1.5{ON}",
        },
    ),
    "RunlogJudgeBudgetSpent": one("runlog_judge_budget_left", f"0{ON}", f"9{ON}"),
}


def rules() -> list[dict[str, Any]]:
    """All rules, in their order."""
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' own tool."""
    program = shutil.which("promtool", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
    if program is None:
        pytest.skip("no promtool: see scripts/promtool")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def trial(name: str, series: dict[str, str], minutes: int, expected: list[dict[str, str]]) -> dict[str, Any]:
    """A test of promtool: which alerts of a name fire so many minutes into these series."""
    labels = [", ".join(f'{key}="{value}"' for key, value in each.items()) for each in expected]
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}',
                "eval_time": f"{minutes}m",
                "exp_samples": [{"labels": f"ALERTS{{{each}}}", "value": 1} for each in labels],
            }
        ],
    }


def test_prometheus_takes_the_rules() -> None:
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_rule_fires_for_its_fault_alone(tmp_path: Path) -> None:
    assert [rule["alert"] for rule in rules()] == list(CASES)
    tests = []
    for rule in rules():
        name, (fault, labels, well, minutes) = rule["alert"], CASES[rule["alert"]]
        firing = {"alertname": name, "alertstate": "firing", **rule["labels"], **labels}
        tests += [trial(name, fault, minutes, [firing]), trial(name, well, minutes, [])]
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests}),
        encoding="utf-8",
    )
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
