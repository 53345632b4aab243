"""`runlog worker` and `runlog beat`."""

from typing import Annotated

import typer


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; as many as processors unless set.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Only ask the judge, as every worker has one process do.")
    ] = False,
) -> None:
    """Run the Celery worker, for scores, audits and alerts.

    It leaves the processors to the rest. Where a judge is set, a process beside it asks the judge.

    \b
    Examples:
      runlog worker --concurrency 2
      runlog worker --judge
    """
    from app.cli import celery as work

    work.worker(concurrency, judge)


def beat() -> None:
    """Run the Celery beat, which sends what the worker has to do.

    That is the sweep for unscored runs, the audit and the delivery of alerts, when each is due.

    \b
    Example:
      runlog beat
    """
    from app.cli import celery as work

    work.beat()
