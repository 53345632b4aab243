"""Scoring tasks: ids in, scores on the rows."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from celery import current_task
from celery.exceptions import TimeLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import get_settings
from app.db.problems import is_exhausted
from app.db.refusals import try_apart
from app.db.session import transaction
from app.logs import get_logger
from app.runs.run import made_at
from app.scoring.isolation import begin_attempt, lost_runs, score_attempt
from app.scoring.pipeline import score_runs, unscored_runs
from app.scoring.rescoring import due_retries, retry_scores
from app.tasks.calibration import (
    BATCH_SIZE,
    RETRY_LIMIT,
    SWEEP_LIMIT,
    SWEEP_SECONDS,
    SWEEP_SHARE,
)
from app.tasks.celery_app import TracedTask, celery_app
from app.tasks.judge_tasks import hand_to_judge
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import DelayEndedError, new_pace
from app.tasks.runtime import run_async

log = get_logger(__name__)

_pace = new_pace()

_OF_STATEMENTS = (DBAPIError, asyncpg.PostgresError, TimeoutError)

Score = Callable[[AsyncSession, Sequence[UUID]], Awaitable[int]]


class _SentAgain(TracedTask):
    """A task that is sent again where Celery ended it at its time limit, to take its runs one by one.

    Celery acknowledges such a task, unlike one whose worker was lost, and the run that was the reason would
    end every sweep after it. The worker's main process calls `on_failure` then.
    """

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Celery's hook for a failure."""
        if isinstance(exc, TimeLimitExceeded):
            self.apply_async(args, {**kwargs, "one_by_one": True})


@celery_app.task(base=_SentAgain)
def score_agent_run(run_id: str, further_run_ids: Sequence[str] = (), *, one_by_one: bool = False) -> None:
    """Score one run and write `rlhf_scores` on its row. Doing it again changes nothing.

    Under load further runs come in the same message, which are scored in few rounds of reads and writes; or
    `one_by_one` where one of them may end its worker.
    """
    run_ids = [UUID(each) for each in (run_id, *further_run_ids)]
    run_async(_score(run_ids, one_by_one=one_by_one or _is_redelivered()))


@celery_app.task
def score_agent_runs(run_ids: Sequence[str]) -> None:
    """Score the runs of a message that an earlier version sent; nothing sends it any more."""
    run_async(_score([UUID(run_id) for run_id in run_ids], one_by_one=_is_redelivered()))


@celery_app.task(base=_SentAgain)
def sweep_unscored_runs(*, one_by_one: bool = False) -> None:
    """Score what is still unscored after a while, oldest first, and try again what is due.

    A long backlog takes several sweeps, with room between them for new runs. The first runs are taken
    `one_by_one` where one of them may end its worker.
    """
    run_async(_sweep(one_by_one=one_by_one or _is_redelivered()))


def _is_redelivered() -> bool:
    """Whether a worker was lost that had this task before: one of its runs may have been the reason."""
    delivery = current_task.request.delivery_info if current_task else None
    return bool(delivery and delivery.get("redelivered"))


async def _score(run_ids: Sequence[UUID], *, one_by_one: bool) -> None:
    ends = time.monotonic() + SWEEP_SECONDS
    with postponed_on_outage("scoring_postponed", runs=len(run_ids)), _until_delay_ends(runs=len(run_ids)):
        if one_by_one:
            scored = await _score_one_by_one(run_ids, ends)
        else:
            scored = await _score_batches(run_ids, score_runs, ends)
        if scored < len(run_ids):
            # The others are scored, were too many for the time, or were locked by another worker or a rating,
            # which may leave them so.
            scored += await _score_batches(run_ids, partial(score_runs, wait=True), ends)
        log.info("runs_scored", runs=scored, of=len(run_ids))


@contextmanager
def _until_delay_ends(**facts: object) -> Iterator[None]:
    """End the block where a more urgent message waits; the sweep scores what is left."""
    try:
        yield
    except DelayEndedError:
        log.info("scoring_gave_way", **facts)


async def _score_batches(run_ids: Sequence[UUID], score: Score, ends: float) -> int:
    """Score until a moment of the monotonic clock; what is left then is the sweep's."""
    scored = 0
    for batch in _batches(run_ids):
        if time.monotonic() < ends:
            scored += await _score_together(batch, score, ends)
    return scored


async def _score_one_by_one(run_ids: Sequence[UUID], ends: float) -> int:
    scored = 0
    for run_id in run_ids:
        if time.monotonic() > ends:
            break
        await _pace.delay_before()
        if await _commit([run_id], _begin_attempt):
            try:
                scored += await _score_now([run_id], _score_begun)
            except _OF_STATEMENTS as error:
                if not is_exhausted(error):
                    raise
                log.warning("run_not_scored", run_id=str(run_id), error=type(error).__name__)
    return scored


async def _score_together(run_ids: Sequence[UUID], score: Score, ends: float) -> int:
    """`score` the runs in one batch, or one by one where one of them is more than a statement can read."""
    try:
        return await _score_batch(run_ids, score)
    except _OF_STATEMENTS as error:
        if not is_exhausted(error):
            raise
        log.warning("batch_not_read", runs=len(run_ids), error=type(error).__name__)
        return await _score_one_by_one(run_ids, ends)


async def _begin_attempt(session: AsyncSession, run_ids: Sequence[UUID]) -> int:
    return int(await begin_attempt(session, run_ids[0]))


async def _score_begun(session: AsyncSession, run_ids: Sequence[UUID]) -> int:
    return await score_attempt(session, run_ids[0])


async def _sweep(*, one_by_one: bool) -> None:
    settings = get_settings()
    ends = time.monotonic() + min(SWEEP_SHARE * settings.score_sweep_interval, SWEEP_SECONDS)
    with postponed_on_outage("sweep_postponed"), _until_delay_ends():
        async with transaction() as session:
            age = timedelta(seconds=settings.score_sweep_age)
            due = await due_retries(session, limit=RETRY_LIMIT)
            lost = await lost_runs(session, limit=RETRY_LIMIT)
            run_ids = await unscored_runs(session, older_than=age, limit=SWEEP_LIMIT)
        if one_by_one:
            lost += run_ids[:BATCH_SIZE]  # those that the lost worker had begun with
        work: list[tuple[Score, Sequence[UUID]]] = [
            *(
                (partial(retry_scores, scorer=scorer), batch)
                for scorer, ids in due
                for batch in _batches(ids)
            ),
            *((score_runs, batch) for batch in _batches(run_ids)),
        ]
        scored = await _score_one_by_one(lost, ends)
        for score, batch in work:
            scored += await _score_together(batch, score, ends)
            if time.monotonic() > ends:
                break
        if work or lost:
            found = len(lost) + len(run_ids) + sum(len(ids) for _, ids in due)
            log.info("unscored_runs_swept", runs=scored, of=found)


async def _score_batch(run_ids: Sequence[UUID], score: Score = score_runs) -> int:
    await _pace.delay_before()
    return await _score_now(run_ids, score)


async def _score_now(run_ids: Sequence[UUID], score: Score) -> int:
    _pace.begin()
    scored = await _commit(run_ids, score)
    if scored:
        await hand_to_judge(run_ids)
        made = [moment for run_id in run_ids if (moment := made_at(run_id))]
        await _pace.delay_after(scored, made, datetime.now(UTC))
        await _pace.wait()
    return scored


async def _commit(run_ids: Sequence[UUID], score: Score) -> int:
    """`score` in a transaction, apart from the runs whose rows the database refuses."""

    async def commit(part: Sequence[UUID]) -> int:
        async with transaction() as session:
            return await score(session, part)

    scored = 0
    async for part, result in try_apart(run_ids, commit):
        if isinstance(result, DBAPIError):
            # Without the database's words, which may hold the row.
            log.warning("run_not_scored", run_id=str(part[0]), error=type(result.orig).__name__)
        else:
            scored += result
    return scored


def _batches(run_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (run_ids[start : start + BATCH_SIZE] for start in range(0, len(run_ids), BATCH_SIZE))
