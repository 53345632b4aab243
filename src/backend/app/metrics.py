"""Prometheus metrics of this process, and of those that count together with it.

Where `METRICS_DIRECTORY` names a directory when this is imported, each process counts in files there, and any
of them exposes the sum.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.environment import METRICS_DIRECTORY

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

REPLICA_LAG = Gauge(
    "runlog_replica_lag_seconds",
    "How far behind the replica was when it was last read.",
    multiprocess_mode="livemostrecent",
)
TASK_SECONDS = Histogram(
    "runlog_task_seconds",
    "Time of a task in a worker, in seconds.",
    ["task", "outcome"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 90),
)
BEAT_SENT = Counter("runlog_beat_sent", "Tasks that beat has sent.", ["task"])


class _Together(Collector):
    """What all processes of the directory have counted, and what those say of themselves that live."""

    def collect(self) -> Iterable[Metric]:
        for path in Path(os.environ[METRICS_DIRECTORY]).glob("gauge_live*.db"):
            pid = int(path.stem.rpartition("_")[2])
            if not _is_alive(pid):
                with suppress(FileNotFoundError):  # another process was faster
                    mark_process_dead(pid)
        collected: Iterable[Metric] = MultiProcessCollector(None).collect()
        return collected


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def registry() -> CollectorRegistry:
    """Where all metrics are collected from: this process, or all that count together with it."""
    if METRICS_DIRECTORY not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    together.register(_Together())
    return together


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry())
