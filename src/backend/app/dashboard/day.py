"""What happened on one UTC day. What is not known any more is None, and never 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, DateTime, String, bindparam, exists, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.liveness import NeverReported, StoppedReporting
from app.audit.domain.missing import AGENTS_MISSING
from app.audit.findings import closed_count, open_during, opened_count
from app.audit.heartbeat import KEPT as CYCLES_KEPT
from app.dashboard.agent_cloud import completed_count
from app.dashboard.insights import metrics
from app.kit.sql import agent_by_agent, newest_runs_text, well_dated
from app.models import (
    AgentRunState,
    AuditCycleRecord,
    AuditFinding,
    JudgeUsage,
    RollupGap,
    RunRollup,
)
from app.models.agent_run_log import AUDITOR
from app.models.run_rollup import AGENTS_KEPT, HOUR
from app.runs.activity import Activity, agent_activity
from app.runs.usage_records import UsageSums, usage_by_agent
from app.runs.window_sums import Quality, runs_between, successes_between

_DAY = timedelta(days=1)
_MISSED = (StoppedReporting.name, AGENTS_MISSING, NeverReported.name)
MOST_LISTED = 50
"""Of agents, failures and findings each: a page to read, or to print on a few sheets."""

_NEWEST_FAILURE = newest_runs_text(
    "id, created_at, left(action_summary, 300) AS said",
    "created_at >= :start AND created_at < :end AND status = 'failed'",
    "1",
    "agent.agent_id",
)
NEWEST_FAILURES = text(f"""
SELECT agent.agent_id, run.id, run.created_at, run.said
FROM unnest(CAST(:agent_ids AS text[])) AS agent (agent_id) CROSS JOIN LATERAL ({_NEWEST_FAILURE}) AS run
""").bindparams(  # noqa: S608
    bindparam("agent_ids", type_=ARRAY(String)),
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The tasks completed on the day; heartbeat counts of past days are not kept."""

    agent_runs: int | None
    improvement_loops: int | None
    agent_cloud_tasks: int | None

    @property
    def total(self) -> int | None:
        """Their sum; None where one of them is unknown."""
        parts = (self.agent_runs, self.improvement_loops, self.agent_cloud_tasks)
        return None if None in parts else sum(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Runs:
    """The agents' runs of the day, by how they went. `silent` ones are among the others."""

    total: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    silent: int | None = None

    @property
    def partial(self) -> int | None:
        """Those that neither succeeded nor failed."""
        if self.total is None or self.succeeded is None or self.failed is None:
            return None
        return max(0, self.total - self.succeeded - self.failed)


class Failure(NamedTuple):
    """An agent that failed on the day: how often, and its newest failed run with its words."""

    agent_id: str
    failed: int
    run_id: UUID
    at: datetime
    said: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """The digest of a day from `start` until before `end`, as of `now`.

    `agents` are those that reported, the worst first; None where that is not kept any more. `missing` are
    findings of agents that did not report though expected; `judged` is whether the Auditor looked, None where
    that is not kept. `first` is the day of the log's first run. `usage` is what runs took by their reports,
    also of each agent that says it. Lists have `MOST_LISTED` entries at most.
    """

    start: datetime
    end: datetime
    now: datetime
    first: date | None
    sources: Sources
    runs: Runs
    quality: Quality
    agents: Sequence[Activity] | None
    failures: Sequence[Failure]
    missing: Sequence[AuditFinding]
    judged: bool | None
    opened: Sequence[AuditFinding]
    opened_count: int
    closed: Sequence[AuditFinding]
    closed_count: int
    judge: JudgeUsage | None
    usage: UsageSums
    usage_by_agent: Mapping[str, UsageSums]

    @property
    def is_over(self) -> bool:
        """Whether the day has ended."""
        return self.end <= self.now


async def read_day(session: AsyncSession, day: date, now: datetime) -> Day:
    """The digest of `day`, in steps, each of which reads by an index:

    1. The fleet's hours give all runs, those that succeeded, and the scores. They are unknown before the
       log's first run, and while these hours are being filled.
    2. The agents' hours give who reported, failed and was silent, as long as they are kept.
    3. Of those that failed, the newest failed run has the words.
    4. Findings show who was missing, and what opened and closed.
    5. What the runs took is summed over those whose reports say it.
    """
    start = datetime.combine(day, time(), UTC)
    end = start + _DAY
    # Other programs may date a row years away, or at infinity.
    dated = RunRollup.width == HOUR, well_dated(RunRollup.bucket)
    first = await session.scalar(select(func.min(RunRollup.bucket)).where(*dated))
    has_gap = await session.scalar(select(exists().where(RollupGap.until >= start)))
    is_known = first is not None and first < end and not has_gap
    agents = await _agents(session, start, end) if is_known else None
    usage, by_agent = await usage_by_agent(session, start, end)
    return Day(
        start=start,
        end=end,
        now=now,
        first=first.astimezone(UTC).date() if first else None,
        sources=await _sources(session, start, end, now, is_known=is_known),
        runs=await _runs(session, start, end, agents) if is_known else Runs(),
        quality=await _quality(session, start, end) if is_known else Quality(),
        agents=agents,
        failures=await _failures(session, agents or (), start, end),
        missing=await open_during(session, _MISSED, start, end, MOST_LISTED),
        judged=await _judged(session, start, end, now),
        opened=await _findings(session, AuditFinding.opened_at, start, end),
        opened_count=await opened_count(session, start, end),
        closed=await _findings(session, AuditFinding.closed_at, start, end),
        closed_count=await closed_count(session, start, end),
        judge=await session.get(JudgeUsage, day),
        usage=usage,
        usage_by_agent=by_agent,
    )


async def _sources(
    session: AsyncSession, start: datetime, end: datetime, now: datetime, *, is_known: bool
) -> Sources:
    if not is_known:
        return Sources(None, None, None)
    if start <= now < end:
        today = await metrics(session)
        return Sources(today.agent_runs, today.improvement_loops, today.agent_cloud_tasks)
    succeeded = await session.scalar(successes_between(start, end))
    return Sources(succeeded, None, await completed_count(session, start, end))


async def _runs(
    session: AsyncSession, start: datetime, end: datetime, agents: Sequence[Activity] | None
) -> Runs:
    total, succeeded = (await session.execute(runs_between(start, end))).one()
    if agents is None:
        return Runs(total, succeeded)
    failed, silent = sum(each.failed for each in agents), sum(each.silent for each in agents)
    return Runs(total, succeeded, failed, silent)


async def _quality(session: AsyncSession, start: datetime, end: datetime) -> Quality:
    sums = select(func.sum(RunRollup.overall_sum), func.coalesce(func.sum(RunRollup.scored), 0)).where(
        RunRollup.width == HOUR, RunRollup.bucket >= start, RunRollup.bucket < end
    )
    overall_sum, scored = (await session.execute(sums)).one()
    return Quality.of(overall_sum, int(scored))


async def _agents(session: AsyncSession, start: datetime, end: datetime) -> list[Activity] | None:
    """What every agent did, the worst first; None where their hours are not kept any more."""
    oldest = func.now() - text(f"interval '{AGENTS_KEPT}'")
    if not await session.scalar(select(literal(start, DateTime(timezone=True)) >= oldest)):
        return None
    ids = await session.scalars(select(AgentRunState.agent_id).where(AgentRunState.agent_id != AUDITOR))
    found = await agent_activity(session, ids.all(), start, "day", end)
    return sorted(found, key=lambda each: (-each.failed, -each.silent, -each.runs, each.agent_id))


async def _failures(
    session: AsyncSession, agents: Sequence[Activity], start: datetime, end: datetime
) -> list[Failure]:
    counts = {each.agent_id: each.failed for each in agents[:MOST_LISTED] if each.failed}
    bounds: dict[str, Any] = {"agent_ids": list(counts), "start": start, "end": end}
    async with agent_by_agent(session):
        rows = await session.execute(NEWEST_FAILURES, bounds) if counts else ()
    found = [Failure(row.agent_id, counts[row.agent_id], row.id, row.created_at, row.said) for row in rows]
    return sorted(found, key=lambda each: (-each.failed, each.agent_id))


async def _judged(session: AsyncSession, start: datetime, end: datetime, now: datetime) -> bool | None:
    """Whether a cycle of the Auditor ended on the day without an error; None where none is kept of then."""
    ended_at = AuditCycleRecord.ended_at
    cycle = exists().where(ended_at >= start, ended_at < end, AuditCycleRecord.error.is_(None))
    if await session.scalar(select(cycle)):
        return True
    return False if start > now - CYCLES_KEPT else None


async def _findings(
    session: AsyncSession, moment: Any, start: datetime, end: datetime
) -> Sequence[AuditFinding]:
    in_time: tuple[ColumnElement[bool], ...] = (moment >= start, moment < end)
    statement = select(AuditFinding).where(*in_time).order_by(moment, AuditFinding.id)
    return (await session.scalars(statement.limit(MOST_LISTED))).all()
