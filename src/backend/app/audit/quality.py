"""What the Auditor judges agents' scores by: how they go, and which runs wait for theirs too long."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import isfinite, sqrt
from typing import Any
from zlib import crc32

from sqlalchemy import ARRAY, Select, String, any_, cast, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cache import AgentCache, Entry, stale
from app.audit.domain.history import HISTORY_DEPTH, ReportedRun
from app.audit.domain.quality import PAST, WEEK, QualityTrend
from app.audit.domain.scores import SCORED_WITHIN, is_drop
from app.kit.sql import WELL_DATED, of_agent, wanted_agents
from app.models import AgentRollup, AgentRunLog, AgentRunState
from app.models.agent_run_log import UNSCORED
from app.runs.run import made_at

_MOST_READ = 1_000
_MOST_WAITING = 10_000
_SAMPLE = 20
_HOUR = 3600

# In which hour a trend was read, counted so that the agents' hours begin in turn, and which transaction other
# than the writer's last changed the agent's runs.
_CacheKey = tuple[int, int | None]
_cache: AgentCache[_CacheKey, QualityTrend | None] = AgentCache()


async def quality_trends(
    session: AsyncSession, now: datetime, agent_ids: Collection[str], drops_open: Collection[str] = ()
) -> dict[str, QualityTrend]:
    """How the scores of these agents go. A trend is cached for an hour by the process.

    A mean of seven days hardly moves in an hour, and the agents' hours come in turn, so that a cycle reads
    a part of the fleet. Beyond a thousand agents the rest is left for the next cycles, but for those in
    `drops_open`, whose finding must not end because it was not read.

    1. See of which agents no trend of this hour is cached.
    2. Read the trends of these, as many as a cycle may.
    3. Leave out those that another scorer scored.
    4. Cache what was read, and what is still cached of the others.
    """
    states = await session.execute(select(AgentRunState.agent_id, AgentRunState.changed_in))
    keys = {
        agent_id: (_hour_of(agent_id, now), changed_in)
        for agent_id, changed_in in states
        if agent_id in agent_ids
    }
    cached = _cache.entries(session)
    unread = stale(cached, keys)
    others = sorted(
        (each for each in unread if each not in drops_open), key=lambda agent_id: agent_id in cached
    )
    read = [*(each for each in unread if each in drops_open), *others[:_MOST_READ]]
    found = await _read_trends(session, now, read)
    dropped = [agent_id for agent_id, trend in found.items() if trend and is_drop(trend, held=True)]
    for agent_id in await _scored_another_way(session, now, dropped):
        del found[agent_id]
    entries = {agent_id: cached[agent_id] for agent_id in keys if agent_id in cached}
    entries |= {agent_id: Entry(keys[agent_id], found.get(agent_id)) for agent_id in read}
    _cache.store(session, entries)
    return {agent_id: entry.value for agent_id, entry in entries.items() if entry.value}


def _hour_of(agent_id: str, now: datetime) -> int:
    return int(now.timestamp() + crc32(agent_id.encode()) % _HOUR) // _HOUR


async def _read_trends(
    session: AsyncSession, now: datetime, agent_ids: Collection[str]
) -> dict[str, QualityTrend | None]:
    if not agent_ids:
        return {}
    ids, hour = cast(literal(list(agent_ids), ARRAY(String)), ARRAY(String)), AgentRollup.bucket
    recent, past = hour > now - WEEK, hour <= now - WEEK
    sums = [
        func.sum(column).filter(when)
        for when in (recent, past)
        for column in (AgentRollup.scored, AgentRollup.overall_sum, AgentRollup.overall_squares)
    ]
    statement = (
        select(AgentRollup.agent_id, *sums)
        .where(AgentRollup.agent_id == any_(ids), hour > now - WEEK - PAST, hour <= now)
        .group_by(AgentRollup.agent_id)
    )
    return {agent_id: _trend(*found) for agent_id, *found in await session.execute(statement)}


def _trend(
    runs: Decimal | None,
    total: Decimal | None,
    _: Decimal | None,
    past_runs: Decimal | None,
    past_total: Decimal | None,
    past_squares: Decimal | None,
) -> QualityTrend | None:
    if not runs or not past_runs or total is None or past_total is None or past_squares is None:
        return None
    past_mean = past_total / past_runs
    variance = max(past_squares / past_runs - past_mean * past_mean, Decimal())
    mean, past, deviation = float(total / runs), float(past_mean), sqrt(variance)
    # Somebody may have written scores that no float holds.
    if not all(map(isfinite, (mean, past, deviation))):
        return None
    return QualityTrend(mean, int(runs), past, deviation, int(past_runs))


async def _scored_another_way(session: AsyncSession, now: datetime, agent_ids: Sequence[str]) -> list[str]:
    """Those of whose runs of this week most were not scored by what scored those right before.

    Another scorer, or another version of it, may be stricter, and that is no drop.
    """
    if not agent_ids:
        return []
    wanted, created_at = wanted_agents(agent_ids), AgentRunLog.created_at
    scorer, version = (AgentRunLog.rlhf_scores[name].astext for name in ("scorer", "version"))

    def newest_until(moment: datetime, earliest: datetime) -> Select[Any]:
        sample = (
            select(scorer.label("scorer"), version.label("version"))
            .where(
                of_agent(wanted.c.agent_id), created_at <= moment, created_at > earliest, scorer.is_not(None)
            )
            .order_by(AgentRunLog.agent_id, created_at.desc())
            .limit(_SAMPLE)
            .correlate(wanted)
            .lateral()
        )
        return select(wanted.c.agent_id, sample).join(sample, true())

    usual = []
    for statement in (newest_until(now, now - WEEK), newest_until(now - WEEK, now - WEEK - PAST)):
        kinds: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        for agent_id, *kind in await session.execute(statement):
            kinds[agent_id][kind[0], kind[1]] += 1
        usual.append({agent_id: counted.most_common(1)[0][0] for agent_id, counted in kinds.items()})
    return [agent_id for agent_id in agent_ids if usual[0].get(agent_id) != usual[1].get(agent_id)]


async def waiting_runs(session: AsyncSession, now: datetime) -> Mapping[str, tuple[ReportedRun, ...]]:
    """Each agent's runs that have waited for their scores too long, newest first: a few, and the oldest.

    Those alone that came in by the writer: of the others nobody knows since when they wait. Somebody may
    just have brought in a long history.
    """
    columns = (
        AgentRunLog.agent_id,
        AgentRunLog.id,
        AgentRunLog.status,
        AgentRunLog.created_at,
        func.left(AgentRunLog.action_summary, 200),
    )
    statement = (
        select(*columns)
        .where(UNSCORED, WELL_DATED, AgentRunLog.created_at <= now - SCORED_WITHIN)
        .order_by(AgentRunLog.created_at.desc())
        .limit(_MOST_WAITING)
    )
    waiting: dict[str, list[ReportedRun]] = defaultdict(list)
    for agent_id, run_id, status, created_at, summary in await session.execute(statement):
        recorded_at = made_at(run_id)
        waits = recorded_at is not None and recorded_at <= now - SCORED_WITHIN
        if waits:
            known = waiting[agent_id]
            known[HISTORY_DEPTH - 1 :] = [ReportedRun(str(run_id), status, created_at, summary=summary)]
    return {agent_id: tuple(runs) for agent_id, runs in waiting.items() if runs}
