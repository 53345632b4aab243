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
    """Run the Celery worker: scores, audits and alerts, on what processors the rest leaves.

    Where a judge is set, a process beside it asks the judge.
    """
    from app.cli import celery as work

    work.worker(concurrency, judge)


def beat() -> None:
    """Run the Celery beat: sends the sweep, the audit and the delivery of alerts when they are due."""
    from app.cli import celery as work

    work.beat()
