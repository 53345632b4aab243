"""Scoring tasks: ids in, everything else is the service's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from app.config import get_settings
from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.errors import DatabaseError
from app.logs import get_logger
from app.services.scoring_service import score_runs, unscored_runs
from app.tasks.celery_app import celery_app
from app.tasks.runtime import run_async

log = get_logger(__name__)

_BATCH = 100
_SWEEP_LIMIT = 20_000
# With its history a run is up to six payloads of a megabyte, all in memory at once.
_IN_MEMORY = 50


@celery_app.task
def score_agent_run(run_id: str) -> None:
    """Score one run and write `rlhf_scores` on its row. Doing it again changes nothing."""
    run_async(_score([UUID(run_id)]))


@celery_app.task
def score_agent_runs(run_ids: Sequence[str]) -> None:
    """Score several runs, in few rounds of reads and writes."""
    run_async(_score([UUID(run_id) for run_id in run_ids]))


@celery_app.task
def sweep_unscored_runs() -> None:
    """Send out again what is still unscored after a while: the broker was away, or a scorer failed."""
    run_ids = run_async(_unscored())
    for start in range(0, len(run_ids), _BATCH):
        batch = [str(run_id) for run_id in run_ids[start : start + _BATCH]]
        # By the next sweep these are sent again, so an old message need not wait in the queue.
        score_agent_runs.apply_async((batch,), expires=get_settings().score_sweep_interval)
    if run_ids:
        log.info("unscored_runs_sent_again", runs=len(run_ids))


async def _score(run_ids: Sequence[UUID]) -> None:
    scored = 0
    with _put_off_without_database("scoring_put_off", runs=len(run_ids)):
        for start in range(0, len(run_ids), _IN_MEMORY):
            async with transaction() as session:
                scored += await score_runs(session, run_ids[start : start + _IN_MEMORY])
        log.info("runs_scored", runs=scored, of=len(run_ids))


async def _unscored() -> list[UUID]:
    age = timedelta(seconds=get_settings().score_sweep_age)
    with _put_off_without_database("sweep_put_off"):
        async with transaction() as session:
            return await unscored_runs(session, older_than=age, limit=_SWEEP_LIMIT)
    return []


@contextmanager
def _put_off_without_database(event: str, **facts: object) -> Iterator[None]:
    """A line in the log is all that an outage takes: what is unscored then, a later sweep finds."""
    try:
        with plain_errors():
            yield
    except DatabaseError as error:
        log.warning(event, error=str(error), **facts)
