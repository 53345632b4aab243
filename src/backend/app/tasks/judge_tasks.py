"""Asking the judge about runs, on a queue and in a process of its own."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from kombu.exceptions import OperationalError

from app.config import get_settings
from app.db.session import transaction
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.scoring.endpoint.breaker import Breaker
from app.scoring.endpoint.client import Judge
from app.scoring.judge import Case, NotSent, prepare
from app.scoring.judge.prompt import version
from app.scoring.judge.reply import Outcome, Reply
from app.scoring.judge.sampling import is_sampled
from app.scoring.judge_budget import calls_left, record_usage, take_call
from app.scoring.judge_runs import (
    BudgetSpentError,
    claim,
    due_runs,
    load_run,
    record_failure,
    record_not_sent,
    record_verdict,
)
from app.tasks.calibration import (
    JUDGE_CALLS_AT_ONCE,
    JUDGE_MESSAGE_SECONDS,
    JUDGE_MESSAGE_SIZE,
    JUDGE_SPACING,
    JUDGE_SWEEP_LIMIT,
    JUDGE_TASK_SECONDS,
)
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.runtime import run_async
from app.wiring import judge_settings

log = get_logger(__name__)

_judge = LoopLocal(lambda: Judge(judge_settings(get_settings())), Judge.close)
_breaker = Breaker(time.monotonic)


@celery_app.task
def judge_agent_runs(run_ids: Sequence[str]) -> None:
    """Have these runs judged. Those that budget or endpoint do not allow now are found by a sweep."""
    run_async(_judge_by_settings([UUID(run_id) for run_id in run_ids]))


@celery_app.task
def sweep_unjudged_runs() -> None:
    """Judge the runs of the last day that were missed, and those that failed and are due again."""
    run_async(_judge_by_settings(None))


async def hand_to_judge(run_ids: Sequence[UUID]) -> None:
    """Send the sampled ones of these runs to the judge, as many as today's budget still has room for."""
    settings = get_settings()
    if not settings.judge_is_on:
        return
    chosen = [str(run_id) for run_id in run_ids if is_sampled(run_id, settings.judge_sample)]
    if not chosen:
        return
    async with transaction() as session:
        left = await calls_left(session, settings.judge_daily_budget)
    try:
        for start in range(0, min(len(chosen), left), JUDGE_MESSAGE_SIZE):
            message = (chosen[start : start + JUDGE_MESSAGE_SIZE],)
            judge_agent_runs.apply_async(message, retry=False, expires=JUDGE_MESSAGE_SECONDS)
    except OperationalError as error:
        log.warning("judge_dispatch_failed", runs=len(chosen), error=str(error))


async def _judge_by_settings(run_ids: Sequence[UUID] | None) -> None:
    if not get_settings().judge_is_on or _breaker.is_open:
        return
    with postponed_on_outage("judging_postponed"):
        await _judge_runs(run_ids)


async def _judge_runs(run_ids: Sequence[UUID] | None) -> None:
    settings, judge = get_settings(), _judge.get()
    async with transaction() as session:
        if not await calls_left(session, settings.judge_daily_budget):
            return
        if run_ids is None:
            run_ids = await due_runs(session, version(judge.model), settings.judge_sample, JUDGE_SWEEP_LIMIT)
    calls = _JudgeCalls(judge, settings.judge_daily_budget, run_ids)
    at_once = 1 if _breaker.is_trying else JUDGE_CALLS_AT_ONCE
    workers = (calls.work() for _ in range(at_once))
    for failure in await asyncio.gather(*workers, return_exceptions=True):
        if failure is not None:
            raise failure
    if run_ids:
        log.info("runs_judged", runs=calls.judged, failed=calls.failed, of=len(run_ids))


class _JudgeCalls:
    """The calls of one task: `JUDGE_CALLS_AT_ONCE` at a time, begun `JUDGE_SPACING` apart."""

    def __init__(self, judge: Judge, budget: int, run_ids: Sequence[UUID]) -> None:
        self.judged = self.failed = 0
        self._judge, self._budget = judge, budget
        self._version = version(judge.model)
        self._waiting = deque(run_ids)
        self._ends = time.monotonic() + JUDGE_TASK_SECONDS
        self._gate = asyncio.Lock()
        self._stopped = False

    async def work(self) -> None:
        """Judge run after run, until none is left or time, budget or endpoint end it."""
        while self._waiting and not self._stopped and not _breaker.is_open and time.monotonic() < self._ends:
            await self._judge_one(self._waiting.popleft())

    async def _judge_one(self, run_id: UUID) -> None:
        async with transaction() as session:
            submitted = await load_run(session, run_id)
        if submitted is None:
            return
        case = prepare(run_id, submitted.report, submitted.history, self._judge.fence_key)
        if isinstance(case, NotSent):
            async with transaction() as session:
                await record_not_sent(session, run_id, self._version, case)
            return
        try:
            async with transaction() as session:
                attempt = await claim(session, run_id, self._version, self._budget)
        except BudgetSpentError:
            self._stopped = True
            return
        if attempt is not None:
            await self._record(run_id, attempt, case, await self._ask(case))

    async def _ask(self, case: Case) -> Reply:
        while True:
            async with self._gate:
                await asyncio.sleep(JUDGE_SPACING)
            reply = await self._judge.ask(case.prompt)
            _breaker.note(reply)
            if reply.outcome is not Outcome.FORM_REFUSED:
                return reply
            async with transaction() as session:
                if not await take_call(session, self._budget):
                    return reply
                await record_usage(session, reply)

    async def _record(self, run_id: UUID, attempt: int, case: Case, reply: Reply) -> None:
        async with transaction() as session:
            if reply.verdict is not None:
                await record_verdict(session, run_id, self._version, attempt, case, reply)
            else:
                await record_failure(session, run_id, self._version, attempt, reply)
            await record_usage(session, reply)
        self.judged += reply.verdict is not None
        self.failed += reply.verdict is None
        if reply.verdict is None:
            log.warning(
                "run_not_judged",
                run_id=str(run_id),
                attempt=attempt,
                outcome=reply.outcome.value,
                error=reply.error,
            )
