"""How the fleet stands, in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from app.services.fleet_gauges import FleetGauges


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
    return generate_latest(registry)
