"""`runlog worker` and `runlog beat`."""

from typing import Annotated

import typer

from app.cli.options import MetricsHost, MetricsPort


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; as many as processors unless set.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Only ask the judge, as every worker has one process do.")
    ] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Run the Celery worker, for scores, audits and alerts.

    It leaves the processors to the rest. Where a judge is set, a process beside it asks the judge.

    \b
    Examples:
      runlog worker --concurrency 2
      runlog worker --judge
      runlog worker --metrics-port 9101
    """
    from app.cli import celery as work

    work.worker(concurrency, judge, metrics_host, metrics_port)


def beat(metrics_port: MetricsPort = None, metrics_host: MetricsHost = "127.0.0.1") -> None:
    """Run the Celery beat, which sends what the worker has to do.

    That is the sweep for unscored runs, the audit and the delivery of alerts, when each is due.

    \b
    Examples:
      runlog beat
      runlog beat --metrics-port 9102
    """
    from app.cli import celery as work

    work.beat(metrics_host, metrics_port)
