"""Recording what OpenClaw tells: runs in the log, jobs and schedules beside it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidRunError
from app.intake import openclaw_kept as kept
from app.intake.domain.openclaw.calibration import MOST_UNKNOWN_AT_ONCE
from app.intake.domain.openclaw.facts import (
    AlertFact,
    Fact,
    JobListFact,
    NoRunFact,
    RunFact,
    ToolFailureFact,
    UnknownFact,
    run_key,
)
from app.intake.domain.openclaw.finished import ALERT
from app.intake.domain.openclaw.schedules import Declaration, NotDeclared
from app.intake.openclaw_jobs import declare_by_jobs, known_jobs, note_jobs
from app.intake.settings import OpenClawSettings
from app.models import OpenClawJob
from app.runs.run import Run
from app.runs.silence import is_silent
from app.runs.wire import EARLIEST, LARGEST_LEAD

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Write = Callable[[Run], Awaitable[UUID]]


class Recorder:
    """Records facts; `transaction` opens one, `write` commits a run.

    `declared` says what came of the agents whose schedules may have changed.
    """

    def __init__(self, transaction: Transaction, write: Write, settings: OpenClawSettings) -> None:
        self._transaction = transaction
        self._write = write
        self._settings = settings
        self.declared: dict[str, Declaration | NotDeclared] = {}

    async def record(self, facts: Sequence[Fact]) -> Counter[str]:
        """Record everything that `facts` tell; how many runs, and what else, came of it.

        1. What they say of jobs is kept, and schedules are declared by those that changed.
        2. What is not understood is kept, and so are tools that failed, until their run has finished.
        3. Each run goes to the log under its key. Alerts follow where the agent of their job is known; others
           wait for it.
        4. Alerts that have become a run are forgotten.

        It may be repeated: nothing is recorded twice. Raises as a transaction and `write` do while the
        database is away; then all of it is to be recorded again.
        """
        outcomes: Counter[str] = Counter()
        async with self._transaction() as session:
            changed = await note_jobs(session, facts)
            if changed:
                self.declared |= await declare_by_jobs(session, changed, self._settings)
            await self._keep(session, facts, outcomes)
            runs, released = await self._runs(session, facts, outcomes)
        for together in _waves(runs):
            outcomes.update(await asyncio.gather(*map(self._write_run, together)))
        if released:
            async with self._transaction() as session:
                await kept.forget(session, released)
        return outcomes

    async def _keep(self, session: AsyncSession, facts: Sequence[Fact], outcomes: Counter[str]) -> None:
        for fact in facts:
            match fact:
                case UnknownFact():
                    if outcomes["unknown"] < MOST_UNKNOWN_AT_ONCE:
                        await kept.keep_unknown(session, fact)
                    outcomes["unknown"] += 1
                case ToolFailureFact():
                    await kept.keep_tool_failure(session, fact)
                    outcomes["tool_failure"] += 1
                case NoRunFact():
                    outcomes["no_run"] += 1

    async def _runs(
        self, session: AsyncSession, facts: Sequence[Fact], outcomes: Counter[str]
    ) -> tuple[list[Run], list[bytes]]:
        """The runs to write, and the kept alerts among them."""
        finished = [fact for fact in facts if isinstance(fact, RunFact)]
        alerts = [fact for fact in facts if isinstance(fact, AlertFact)]
        job_ids = _job_ids(facts)
        waiting = await kept.waiting_alerts(session, job_ids)
        jobs = await known_jobs(session, job_ids | {alert.job_id for _, alert in waiting})
        failures = await kept.tool_failures(session, {run.session_key for run in finished if run.session_key})
        found: list[Run] = []
        for run in finished:
            if (job := jobs.get(run.job_id)) is not None and job.is_system:
                outcomes["no_run"] += 1
                continue
            failed = failures.get(run.session_key or "", [])
            actions = run.actions | {"tool_failures": failed} if failed else run.actions
            known = job.agent if job else None
            agent = known if known and job and job.from_plugin else run.agent or known
            found.append(self._run(run, agent, run.source, actions, run.finished_at_ms))
        for alert in alerts:
            if alert.job_id in jobs:
                found += self._alerted(alert, jobs)
            else:
                await kept.keep_alert(session, alert)
                outcomes["alert_waits"] += 1
        for _, alert in waiting:
            found += self._alerted(alert, jobs)
        return found, [digest for digest, _ in waiting]

    def _alerted(self, alert: AlertFact, jobs: Mapping[str, OpenClawJob]) -> list[Run]:
        job = jobs.get(alert.job_id)
        if job is not None and job.is_system:
            return []
        return [self._run(alert, job.agent if job else None, ALERT, alert.actions, None)]

    def _run(
        self,
        fact: RunFact | AlertFact,
        agent: str | None,
        source: str,
        actions: Mapping[str, Any],
        finished_at_ms: int | None,
    ) -> Run:
        summary = actions.get("summary")
        return Run(
            agent_id=self._settings.agent_id(agent),
            status=fact.status,
            actions_json=msgspec.json.encode(actions).decode(),
            summary=summary if isinstance(summary, str) else None,
            silent=is_silent(actions),
            idempotency_key=run_key(fact.job_id, fact.run_at_ms),
            source=source,
            started_at=_moment(fact.run_at_ms),
            finished_at=_moment(finished_at_ms),
        )

    async def _write_run(self, run: Run) -> str:
        """What came of it: a `run`, one that is `known`, or `refused` where the log will not have it."""
        try:
            run_id = await self._write(run)
        except InvalidRunError as error:
            async with self._transaction() as session:
                await kept.keep_refused(session, str(error)[:255], run.idempotency_key, run.source)
            return "refused"
        return "run" if run_id == run.id else "known"


def _job_ids(facts: Sequence[Fact]) -> set[str]:
    """Every job that the facts are about."""
    found: set[str] = set()
    for fact in facts:
        if isinstance(fact, JobListFact):
            found |= {job.job_id for job in fact.jobs}
        elif not isinstance(fact, UnknownFact | NoRunFact):
            found.add(fact.job_id)
    return found


def _waves(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """The runs in their order, in groups that may be written at once: none has two reports of one run."""
    together: dict[str | None, Run] = {}
    for run in runs:
        if run.idempotency_key in together:
            yield list(together.values())
            together = {}
        together[run.idempotency_key] = run
    if together:
        yield list(together.values())


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    # Of a clock that is far off the moments are left out, and the runs are kept.
    return moment if EARLIEST <= moment <= datetime.now(UTC) + LARGEST_LEAD else None
