"""The learned cadences of agents, read from the log or from the cache.

The Auditor reads an agent's past for as long as the agent is silent, and all that time its past is the same:
to read it once is enough.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ARRAY, DateTime, Select, Subquery, func, select, true, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cache import AgentCache, last_changes
from app.audit.cadence import Cadence, Lateness, Outage, Outages, Schedule, days_off
from app.audit.cadence.calibration import MOST_REPORTS, NEWEST_GAPS, PAST_DAYS
from app.audit.known_outages import KnownOutages
from app.kit.sql import WELL_DATED, newest_of_agent, wanted_agents
from app.models import AgentRunLog

PAST = timedelta(days=PAST_DAYS)
"""How far back reports and outages matter."""

Learned = Cadence | Lateness | Exception
"""How an agent has reported: by its habit, or by its declared schedule. Where learning failed, the error."""

Declared = tuple[Schedule, timedelta | None]
"""A schedule and the grace that is declared with it."""


class LearnedPast(NamedTuple):
    """How an agent has reported, and the public holidays that it takes off."""

    value: Learned
    days_off: tuple[Outage, ...]


# The last change, what is declared, and when it was excused.
_CacheKey = tuple[datetime, int | None, Declared | None, tuple[Outage, ...]]
_cache: AgentCache[_CacheKey, LearnedPast] = AgentCache()


async def learned_cadences(
    session: AsyncSession, agents: Mapping[str, Declared | None], outages: KnownOutages
) -> dict[str, LearnedPast]:
    """How each of the agents with runs has reported, apart from the `outages` that are over.

    By what is declared of it, or without that by its habit. Where learning fails, the error stands for it.
    """
    if not agents:
        return {}
    changes = await last_changes(session, list(agents))
    keys = {
        agent_id: (*change, agents[agent_id], tuple(outages.excused.get(agent_id, ())))
        for agent_id, change in changes.items()
    }
    dependency = outages.over, outages.holidays
    return await _cache.read(
        session, keys, lambda due: _learn(session, {each: agents[each] for each in due}, outages), dependency
    )


async def _learn(
    session: AsyncSession, agents: Mapping[str, Declared | None], outages: KnownOutages
) -> dict[str, LearnedPast]:
    """Learned from as many reports of each agent as matter."""
    wanted, created_at = wanted_agents(list(agents)), AgentRunLog.created_at
    newest = _newest_reports(wanted, NEWEST_GAPS + 1).subquery()
    span = select(func.min(newest.c.created_at).label("first"), func.max(newest.c.created_at).label("last"))
    known = span.lateral()
    since = func.least(known.c.first, known.c.last - PAST)
    recent = _newest_reports(wanted, MOST_REPORTS).where(created_at >= since).correlate(wanted, known)
    report = recent.subquery()
    times = func.array_agg(aggregate_order_by(report.c.created_at, report.c.created_at))
    reports = select(type_coerce(times, ARRAY(DateTime(timezone=True))).label("reports")).lateral()
    pairs = select(wanted.c.agent_id, reports.c.reports).select_from(wanted)
    statement = pairs.join(known, true()).join(reports, true()).where(reports.c.reports.is_not(None))
    rows = await session.execute(statement)
    return {
        agent_id: _learned_from(reports, agents[agent_id], outages, outages.excused.get(agent_id, ()))
        for agent_id, reports in rows
    }


def _learned_from(
    reports: Sequence[datetime],
    declared: Declared | None,
    outages: KnownOutages,
    excused: Sequence[Outage],
) -> LearnedPast:
    times = [report.timestamp() for report in reports] if outages.holidays else []
    off = tuple(days_off(times, outages.holidays))
    return LearnedPast(learned_of(reports, declared, outages.over.joined(*excused, *off)), off)


def learned_of(reports: Iterable[datetime], declared: Declared | None, outages: Outages) -> Learned:
    """How an agent has reported, from its reports, oldest first, apart from the outages."""
    try:
        return Lateness.of(*declared, reports, outages) if declared else Cadence.of(reports, outages)
    # One agent's history must not keep the others from being judged; the rules of this one raise it again.
    except Exception as error:  # noqa: BLE001
        return error


def _newest_reports(wanted: Subquery, count: int) -> Select[datetime | None]:
    """When the newest `count` runs of each agent were reported."""
    newest = newest_of_agent([AgentRunLog.created_at], wanted.c.agent_id, count, WELL_DATED)
    return newest.correlate(wanted)
