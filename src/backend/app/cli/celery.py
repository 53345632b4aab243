"""`runlog worker` and `runlog beat`."""

import warnings
from typing import Annotated

import typer

from app.broker import celery_settings
from app.config import get_settings
from app.tasks.runtime import yield_processors


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; as many as processors unless set.")
    ] = None,
) -> None:
    """Run the Celery worker: scores, audits and alerts, on what processors the rest leaves."""
    get_settings().require_database_url()
    yield_processors()
    options = ["--without-gossip", "--without-mingle", "--loglevel", get_settings().log_level]
    if concurrency is not None:
        options += ["--concurrency", str(concurrency)]
    _celery(["worker", *options])


def beat() -> None:
    """Run the Celery beat: sends the sweep, the audit and the delivery of alerts when they are due."""
    # The schedule is kept in memory: its intervals are short, and two beats need no common file.
    _celery(
        ["beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", "--loglevel", get_settings().log_level]
    )


def _celery(arguments: list[str]) -> None:
    celery_settings(get_settings().require_broker_url())
    from celery.bin.celery import celery
    from celery.platforms import SecurityWarning

    # Celery warns about uid 0 for the sake of pickle, which our settings refuse.
    warnings.simplefilter("ignore", SecurityWarning)
    # Not by the application's start(), which says 0 of a worker that failed.
    app = ["--quiet", "--app", "app.tasks.celery_app:celery_app"]
    raise typer.Exit(celery.main([*app, *arguments], standalone_mode=False) or 0)
