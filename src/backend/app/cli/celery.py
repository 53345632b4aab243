"""`runlog worker` and `runlog beat`."""

import warnings
from contextlib import nullcontext
from typing import NoReturn

import typer

from app.broker import JUDGE_QUEUE, celery_settings
from app.cli.judge_process import JudgeProcess
from app.config import get_settings
from app.tasks.runtime import yield_processors


def worker(concurrency: int | None, judge: bool) -> None:
    """Run a worker of `concurrency` processes, or one that only asks the judge; ends by `typer.Exit`."""
    settings = get_settings()
    settings.require_database_url()
    settings.check_judge()
    yield_processors()
    options = ["--without-gossip", "--without-mingle", "--loglevel", settings.log_level]
    if judge:
        _celery(["worker", *options, "--queues", JUDGE_QUEUE, "--hostname", "judge@%h", "--concurrency", "1"])
    if concurrency is not None:
        options += ["--concurrency", str(concurrency)]
    with JudgeProcess() if settings.judge_is_on else nullcontext():
        _celery(["worker", *options])


def beat() -> None:
    """Run beat; ends by `typer.Exit`."""
    get_settings().check_judge()
    # The schedule is kept in memory: its intervals are short, and two beats need no common file.
    _celery(
        ["beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", "--loglevel", get_settings().log_level]
    )


def _celery(arguments: list[str]) -> NoReturn:
    celery_settings(get_settings().require_broker_url())
    from celery.bin.celery import celery
    from celery.platforms import SecurityWarning

    # Celery warns about uid 0 for the sake of pickle, which our settings refuse.
    warnings.simplefilter("ignore", SecurityWarning)
    # Not by the application's start(), which says 0 of a worker that failed.
    app = ["--quiet", "--app", "app.tasks.celery_app:celery_app"]
    raise typer.Exit(celery.main([*app, *arguments], standalone_mode=False) or 0)
