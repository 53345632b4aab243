"""What the Auditor and the list of agents judge by: every agent's recent runs and its declaration."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    DateTime,
    Select,
    String,
    Subquery,
    any_,
    cast,
    func,
    literal,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cadence import Cadence, Outage, Outages
from app.audit.cadence.learned import NEWEST_GAPS, REMEMBERED_DAYS
from app.audit.cadences import remembered
from app.audit.domain.expectation import readable_schedule
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.audit.outages import past_silences
from app.kit.sql import WELL_DATED, of_agent, wanted_agents
from app.models import Agent, AgentRunLog
from app.runs.scores import overall_score
from app.services.agent_run_log_service import recent_runs

AUDITOR = "auditor"
"""The agent as which the Auditor reports its own cycles. It is not audited: that it judges is the proof
that it lives, and a failure of its own would be found by the very cycle that overcame it."""

_PAST = timedelta(days=REMEMBERED_DAYS)
_MOST_REPORTS = 20_000  # two weeks of an agent that reports every minute
_SUMMARY_LENGTH = 2_000
_LEAST_OUTAGE = timedelta(minutes=15)


async def agent_histories(
    session: AsyncSession,
    now: datetime,
    depth: int,
    *,
    agent_ids: Sequence[str] | None = None,
    outages: Outages,
) -> dict[str, AgentHistory]:
    """Every agent that reported or is declared, or those of `agent_ids`, with its newest `depth` runs."""
    runs: dict[str, list[ReportedRun]] = defaultdict(list)
    for run in await recent_runs(per_agent=depth, agent_ids=agent_ids, session=session):
        runs[run.agent_id].append(_reported_run(run))
    registered = select(Agent)
    if agent_ids is not None:
        registered = registered.where(Agent.agent_id == any_(literal(list(agent_ids), ARRAY(String))))
    declared = {agent.agent_id: agent for agent in await session.scalars(registered)}
    return {
        name: AgentHistory(
            name,
            now,
            tuple(runs.get(name, ())),
            outages=outages,
            **_declaration(declared.get(name), now),
        )
        for name in sorted({*runs, *declared})
    }


def reported_history(
    agent: Agent, now: datetime, reports: Iterable[datetime], outages: Outages
) -> AgentHistory:
    """A declared agent of which no more is known than when it reported, newest first."""
    runs = tuple(ReportedRun("", "success", reported_at) for reported_at in reports)
    return AgentHistory(agent.agent_id, now, runs, outages=outages, **_declaration(agent, now))


def _reported_run(run: AgentRunLog) -> ReportedRun:
    return ReportedRun(
        id=str(run.id),
        status=run.status,
        created_at=run.created_at or run.run_at,
        silence_count=run.consecutive_silence_count,
        summary=run.action_summary,
        score=overall_score(run.rlhf_scores),
    )


def _declaration(agent: Agent | None, now: datetime) -> dict[str, Any]:
    if agent is None:
        return {}
    until = agent.paused_until
    over = until if until and until <= now else None
    resumed = [moment for moment in (agent.resumed_at, over) if moment]
    grace = None if agent.grace_seconds is None else timedelta(seconds=agent.grace_seconds)
    return {
        "schedule": agent.schedule,
        "timezone": agent.timezone,
        "grace": grace,
        "paused": agent.paused or (until is not None and until > now),
        "watching_since": max(resumed, default=None),
        "registered_at": agent.created_at,
    }


async def known_outages(session: AsyncSession, now: datetime, interval: timedelta) -> tuple[Outages, Outages]:
    """When nobody could report lately: the times that are over, and those and the one that is not.

    `interval` lies between the Auditor's cycles.

    Of that one nothing is to be learned yet.
    """
    found = [*await _own_outages(session, now, interval), *await past_silences(session, now, now - _PAST)]
    over = [outage for outage in found if outage.end < now.timestamp()]
    return Outages(over), Outages(found)


async def _own_outages(session: AsyncSession, now: datetime, interval: timedelta) -> list[Outage]:
    """When the product itself was out of order.

    The Auditor's reports are its heartbeat. Where two of them are far apart and nobody else reported
    either, nobody could: the product was down, or the clock jumped.
    """
    outage = max(_LEAST_OUTAGE, 3 * interval)
    created_at, the_moment = AgentRunLog.created_at, literal(now, DateTime(timezone=True))
    following = func.lead(created_at, 1, the_moment).over(order_by=created_at)
    beats = (
        select((created_at + 2 * interval).label("missed"), (following - created_at).label("gap"))
        .where(AgentRunLog.agent_id == AUDITOR, created_at > now - _PAST, created_at <= now)
        .subquery()
    )
    # An agent may have reported after the last beat and before the outage, or before the next beat.
    before = select(func.max(created_at)).where(created_at < beats.c.missed).scalar_subquery()
    later = select(func.min(created_at)).where(created_at >= beats.c.missed, created_at <= the_moment)
    after = later.scalar_subquery()
    end = func.coalesce(after, the_moment)
    statement = select(before, end).where(beats.c.gap > outage, end - before > outage)
    found = await session.execute(statement)
    return [Outage(start.timestamp(), over.timestamp()) for start, over in found if start and over]


async def deepened(
    session: AsyncSession,
    histories: Mapping[str, AgentHistory],
    suspicions: Mapping[str, Sequence[Rule]],
    depth: int,
    outages: Outages,
) -> dict[str, AgentHistory]:
    """The histories of the agents under suspicion, at the depth that the suspecting rules need.

    Cadences are learned from what was reported apart from the `outages`, which are over.
    """
    needs = {agent_id: {rule.needs for rule in rules} for agent_id, rules in suspicions.items() if rules}
    of_runs = [agent_id for agent_id, needed in needs.items() if "runs" in needed]
    of_past = [agent_id for agent_id, needed in needs.items() if "past" in needed]
    runs = await _newest_runs(session, of_runs, depth)
    # A declared schedule needs no past.
    undeclared = [agent_id for agent_id in of_past if readable_schedule(histories[agent_id]) is None]
    cadences = await remembered(session, undeclared, partial(_cadences, session, outages), basis=outages)
    return {
        agent_id: replace(
            histories[agent_id],
            runs=runs.get(agent_id, histories[agent_id].runs),
            cadence=cadences.get(agent_id),
        )
        for agent_id in needs
    }


async def _newest_runs(
    session: AsyncSession, agent_ids: Sequence[str], depth: int
) -> dict[str, tuple[ReportedRun, ...]]:
    wanted = wanted_agents(agent_ids)
    newest = (
        select(
            cast(AgentRunLog.id, String).label("id"),
            AgentRunLog.status,
            AgentRunLog.created_at,
            AgentRunLog.consecutive_silence_count,
            func.left(AgentRunLog.action_summary, _SUMMARY_LENGTH),
            AgentRunLog.rlhf_scores,
        )
        .where(of_agent(wanted.c.agent_id), WELL_DATED)
        .order_by(AgentRunLog.agent_id, AgentRunLog.created_at.desc())
        .limit(depth)
        .lateral()
    )
    statement = select(wanted, newest).join(newest, true())
    runs: dict[str, list[ReportedRun]] = defaultdict(list)
    for agent_id, run_id, status, at, silence_count, summary, scores in await session.execute(statement):
        score = overall_score(scores)
        runs[agent_id].append(ReportedRun(run_id, status, at, silence_count, summary, score))
    return {
        agent_id: tuple(sorted(found, key=lambda run: run.created_at, reverse=True))
        for agent_id, found in runs.items()
    }


async def _cadences(session: AsyncSession, outages: Outages, agent_ids: Sequence[str]) -> dict[str, Cadence]:
    """How each agent has reported, learned from as many of its reports as matter."""
    wanted, created_at = wanted_agents(agent_ids), AgentRunLog.created_at
    newest = _newest_reports(wanted, NEWEST_GAPS + 1).subquery()
    span = select(func.min(newest.c.created_at).label("first"), func.max(newest.c.created_at).label("last"))
    known = span.lateral()
    since = func.least(known.c.first, known.c.last - _PAST)
    recent = _newest_reports(wanted, _MOST_REPORTS).where(created_at >= since).correlate(wanted, known)
    report = recent.subquery()
    times = func.array_agg(aggregate_order_by(report.c.created_at, report.c.created_at))
    reports = select(type_coerce(times, ARRAY(DateTime(timezone=True))).label("reports")).lateral()
    pairs = select(wanted.c.agent_id, reports.c.reports).select_from(wanted)
    statement = pairs.join(known, true()).join(reports, true()).where(reports.c.reports.is_not(None))
    return {agent_id: Cadence.of(reports, outages) for agent_id, reports in await session.execute(statement)}


def _newest_reports(wanted: Subquery, count: int) -> Select[datetime | None]:
    """When the newest `count` runs of each agent were reported."""
    created_at = AgentRunLog.created_at
    return (
        select(created_at)
        .where(of_agent(wanted.c.agent_id), WELL_DATED)
        .order_by(AgentRunLog.agent_id, created_at.desc())
        .limit(count)
        .correlate(wanted)
    )
