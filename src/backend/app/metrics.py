"""Prometheus metrics of this process."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

RUNS = Counter("runlog_runs", "Runs committed.", ["status"])
RUNS_REFUSED = Counter("runlog_runs_refused", "Runs answered with an error.", ["reason"])
RUNS_REPEATED = Counter("runlog_runs_repeated", "Runs not inserted again thanks to their Idempotency-Key.")
RUNS_MERGED = Counter("runlog_runs_merged", "Reports merged into the row that another source made.")
BATCH_SIZE = Histogram(
    "runlog_ingest_batch_size", "Runs joined into one commit.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
COMMIT_SECONDS = Histogram(
    "runlog_ingest_commit_seconds",
    "Time to commit one batch, in seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
QUEUED = Gauge("runlog_ingest_queued", "Runs waiting for their commit.", multiprocess_mode="livesum")
SPANS = Counter("runlog_otlp_spans", "OpenTelemetry spans received.", ["outcome"])
DISPATCHED = Counter("runlog_score_dispatched", "Runs handed to the broker for scoring.")
DISPATCH_FAILED = Counter(
    "runlog_score_dispatch_failed", "Runs the broker did not take; the sweep scores them later."
)

OPENCLAW_EVENTS = Counter(
    "runlog_openclaw_events", "What came of what OpenClaw sent, by events or whole requests.", ["outcome"]
)


def exposition() -> bytes:
    """All metrics in Prometheus' text format; summed over processes where several serve together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
