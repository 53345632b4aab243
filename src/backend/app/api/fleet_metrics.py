"""How the fleet stands, in Prometheus' text format."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from app.dashboard.gauges import FleetGauges, JudgeGauges
from app.proof.status import DeliveryStatus, SealStatus


def fleet_exposition(gauges: FleetGauges) -> bytes:
    """The gauges as text."""
    registry = CollectorRegistry()
    findings = Gauge("runlog_findings_open", "Open findings.", ["rule", "severity"], registry=registry)
    for (rule, severity), count in gauges.findings.items():
        findings.labels(rule, severity).set(count)
    agents = Gauge("runlog_agents", "Agents, as the Auditor last saw them.", ["state"], registry=registry)
    for state, count in gauges.agents.items():
        agents.labels(state).set(count)
    alerts = Gauge("runlog_alerts", "Alerts ever written.", ["channel", "state"], registry=registry)
    for (channel, state), count in gauges.alerts.items():
        alerts.labels(channel, state).set(count)
    scoring = Gauge("runlog_scoring_runs", "Runs on their way to a score.", ["state"], registry=registry)
    for state, runs in gauges.scoring.states.items():
        scoring.labels(state).set(runs.runs)
    oldest = Gauge("runlog_scoring_oldest_queued_seconds", "Age of the oldest queued run.", registry=registry)
    oldest.set(gauges.oldest_queued_age or 0)
    if gauges.audit_age is not None:
        age = Gauge("runlog_audit_age_seconds", "Time since the last audit cycle.", registry=registry)
        age.set(gauges.audit_age)
    _add_seals(registry, gauges.seals)
    unindexed = Gauge("runlog_search_unindexed_leaves", "Leaves not yet indexed.", registry=registry)
    unindexed.set(gauges.unindexed)
    _add_deliveries(registry, gauges.checkpoints)
    if gauges.judge is not None:
        _add_judge(registry, gauges.judge)
    return generate_latest(registry)


def _add_seals(registry: CollectorRegistry, seals: SealStatus) -> None:
    leaves = Gauge("runlog_seal_leaves", "Leaves of the log's tree.", registry=registry)
    leaves.set(seals.leaves)
    lag = Gauge("runlog_seal_lag_seconds", "Age of the oldest unsealed change.", registry=registry)
    lag.set(seals.lag)
    if seals.checkpoint_age is not None:
        signed = Gauge("runlog_checkpoint_age_seconds", "Time since the last checkpoint.", registry=registry)
        signed.set(seals.checkpoint_age)
    verified = Counter("runlog_verified_leaves", "Leaves verified in the background.", registry=registry)
    verified.inc(seals.verified)
    if seals.verification_age is not None:
        whole = Gauge("runlog_verification_age_seconds", "Time since all was verified.", registry=registry)
        whole.set(seals.verification_age)


def _add_deliveries(registry: CollectorRegistry, deliveries: Mapping[str, DeliveryStatus]) -> None:
    age = Gauge(
        "runlog_checkpoint_delivery_age_seconds",
        "Time since it took one.",
        ["destination"],
        registry=registry,
    )
    failures = Gauge(
        "runlog_checkpoint_delivery_failures", "Failures since then.", ["destination"], registry=registry
    )
    for destination, status in deliveries.items():
        failures.labels(destination).set(status.failures)
        if status.age is not None:
            age.labels(destination).set(status.age)


def _add_judge(registry: CollectorRegistry, judge: JudgeGauges) -> None:
    calls = Counter("runlog_judge_calls", "Calls to the judge.", ["outcome"], registry=registry)
    seconds = Counter("runlog_judge_seconds", "Time that calls took.", ["outcome"], registry=registry)
    for outcome, count in judge.costs.calls.items():
        calls.labels(outcome).inc(count)
        seconds.labels(outcome).inc(judge.costs.seconds[outcome])
    left = Gauge("runlog_judge_budget_left", "Calls that are left today.", registry=registry)
    left.set(judge.budget_left)
