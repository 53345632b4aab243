"""The upkeep of what is kept beside the log."""

import time
from datetime import timedelta

from app.config import get_settings
from app.db.session import transaction
from app.runs.keys import expire_keys
from app.runs.months import add_months
from app.runs.rollup_merge import merge_rollups
from app.runs.starts import clear_starts
from app.tasks.calibration import EXPIRY_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.passes import run_pass
from app.tasks.runtime import run_async


@celery_app.task
def merge_shards() -> None:
    """Merge what backends keep apart in the rollups, drop what is no longer read, and make coming months."""
    run_async(_merge())


async def _merge() -> None:
    with postponed_on_outage("rollup_merge_postponed"):
        async with transaction() as session:
            await merge_rollups(session)
    with postponed_on_outage("months_postponed"):
        async with transaction() as session:
            await add_months(session)


@celery_app.task
def clear_run_starts() -> None:
    """Remove that runs started which have ended, and keep how long they took."""
    run_async(_clear_starts())


async def _clear_starts() -> None:
    with postponed_on_outage("starts_clearing_postponed"):
        async with transaction() as session:
            await clear_starts(session)


@celery_app.task
def expire_idempotency_keys() -> None:
    """Remove the keys that have expired."""
    run_async(_expire_keys())


async def _expire_keys() -> None:
    kept, ends = timedelta(days=get_settings().idempotency_days), time.monotonic() + EXPIRY_SECONDS
    with postponed_on_outage("key_expiry_postponed"):
        await run_pass(lambda session: expire_keys(session, kept), ends)
