"""`runlog worker` and `runlog beat`."""

import warnings
from contextlib import nullcontext
from typing import Any, NoReturn

import typer

from app.broker import JUDGE_QUEUE, WORKER_QUEUES, celery_settings, node_name
from app.cli.judge_process import JudgeProcess
from app.cli.metrics import counted_together, serve_metrics
from app.cli.setting_warnings import warn_of_settings
from app.config import Settings, get_settings
from app.tracing import require_tracing


def worker(concurrency: int | None, judge: bool, metrics_host: str, metrics_port: int | None) -> None:
    """Run a worker of `concurrency` processes, or one that only asks the judge; ends by `typer.Exit`.

    With `metrics_port` Prometheus is answered there, for all of its processes.
    """
    settings = get_settings()
    settings.require_database_url()
    settings.check_judge()
    require_tracing(settings)
    warn_of_settings()
    from app.tasks.runtime import yield_processors

    yield_processors()
    with counted_together() if metrics_port is not None else nullcontext():
        if metrics_port is not None:
            serve_metrics(metrics_host, metrics_port)
        if judge:
            _work(settings, node_name(judge=True), queues=[JUDGE_QUEUE], concurrency=1)
        with JudgeProcess() if settings.judge_is_on else nullcontext():
            _work(settings, node_name(judge=False), queues=list(WORKER_QUEUES), concurrency=concurrency)


def beat(metrics_host: str, metrics_port: int | None) -> None:
    """Run beat until a signal; with `metrics_port` Prometheus is answered there."""
    settings = get_settings()
    settings.check_judge()
    warn_of_settings()
    celery_settings(settings.require_broker_url())
    if metrics_port is not None:
        serve_metrics(metrics_host, metrics_port)
    from app.tasks.beat import Beat, MonotonicScheduler
    from app.tasks.celery_app import RunlogCelery

    # It sends tasks by their names: of an application without their modules, it loads none of their code.
    app = RunlogCelery("runlog", set_as_current=True)
    Beat(app=app, scheduler=MonotonicScheduler, loglevel=settings.log_level, quiet=True).run()


def _work(settings: Settings, hostname: str, **options: Any) -> NoReturn:
    celery_settings(settings.require_broker_url())
    from celery.platforms import SecurityWarning
    from celery.utils.log import mlevel
    from celery.utils.nodenames import host_format

    from app.tasks.celery_app import celery_app

    # Celery warns about uid 0 for the sake of pickle, which our settings refuse.
    warnings.simplefilter("ignore", SecurityWarning)
    # Not by Celery's own command, which loads all of its commands.
    work = celery_app.Worker(
        hostname=host_format(hostname),
        loglevel=mlevel(settings.log_level),
        without_gossip=True,
        without_mingle=True,
        quiet=True,
        **options,
    )
    work.start()
    raise typer.Exit(work.exitcode or 0)
