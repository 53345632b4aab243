"""What the Auditor judges agents' scores by: how they go, and which runs wait for theirs too long."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zlib import crc32

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    String,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import CollectionAggregate

from app.audit import calibration
from app.audit.cache import AgentCache, Entry, stale
from app.audit.domain.evaluation import isolated
from app.audit.domain.history import ReportedRun
from app.audit.domain.quality import DAY, DAYS_READ, PAST_WEEKS, SPAN, QualityTrend
from app.audit.domain.scores import QualityDrop, find_drop
from app.kit.sql import IS_SCORED, WELL_DATED, newest_of_agent, wanted_agents
from app.kit.times import WEEK
from app.models import AgentRollup, AgentRunLog, AgentRunState
from app.models.agent_run_log import UNSCORED
from app.runs.run import made_at
from app.scoring.domain.comparison import Day, is_other_scorer

_HOUR = 3_600  # seconds

# In which hour a trend was read, counted so that the agents' hours begin in turn, and which transaction other
# than the writer's last changed the agent's runs.
_CacheKey = tuple[int, int | None]
_cache: AgentCache[_CacheKey, QualityTrend | None] = AgentCache()


async def quality_trends(
    session: AsyncSession, now: datetime, agent_ids: Collection[str], drops_open: Collection[str] = ()
) -> dict[str, QualityTrend]:
    """How the scores of these agents go, of those whose mean fell by much. It is cached for an hour.

    A mean of days hardly moves in an hour, and the agents' hours come in turn, so that a cycle reads a part
    of the fleet. Beyond a thousand agents the rest is left for the next cycles, but for `drops_open`: an open
    finding must not end because the agent's scores were not read.

    1. See of which agents nothing of this hour is cached.
    2. Of as many of these as a cycle may read, find those whose mean fell by much: the others are done with.
    3. Read their scores by days.
    4. Leave out those that another scorer scored.
    5. Cache what was read, and what is still cached of the others.
    """
    states = await session.execute(select(AgentRunState.agent_id, AgentRunState.changed_in))
    keys = {
        agent_id: (_hour_of(agent_id, now), changed_in)
        for agent_id, changed_in in states
        if agent_id in agent_ids
    }
    cached = _cache.entries(session)
    due = _due(cached, keys, drops_open)
    fallen = await _fallen(session, now, due)
    found = await _read_trends(session, now, {*fallen, *set(drops_open).intersection(due)})
    dropped = [
        agent_id
        for agent_id, trend in found.items()
        if isolated(QualityDrop.name, agent_id, partial(find_drop, trend, is_open=True))
    ]
    for agent_id in await _with_other_scorers(session, now, dropped):
        del found[agent_id]
    entries = {agent_id: cached[agent_id] for agent_id in keys if agent_id in cached}
    entries |= {agent_id: Entry(keys[agent_id], found.get(agent_id)) for agent_id in due}
    _cache.store(session, entries)
    return {agent_id: entry.value for agent_id, entry in entries.items() if entry.value}


def _due(
    cached: Mapping[str, Entry[_CacheKey, QualityTrend | None]],
    keys: Mapping[str, _CacheKey],
    drops_open: Collection[str],
) -> list[str]:
    """The agents to read now: all due ones with an open drop, and others, those never read first.

    Where a drop is open and no trend is cached, another process opened it.
    """
    unread = stale(cached, keys)
    first = [
        agent_id
        for agent_id in keys.keys() & set(drops_open)
        if agent_id in unread or not cached[agent_id].value
    ]
    others = sorted((each for each in unread if each not in drops_open), key=lambda each: each in cached)
    return [*first, *others[: calibration.MOST_TRENDS]]


def _hour_of(agent_id: str, now: datetime) -> int:
    return int(now.timestamp() + crc32(agent_id.encode()) % _HOUR) // _HOUR


async def _fallen(session: AsyncSession, now: datetime, agent_ids: Collection[str]) -> list[str]:
    """The agents whose mean of some newest days fell far enough for a finding."""
    if not agent_ids:
        return []
    bucket = AgentRollup.bucket
    conditions = []
    for days in calibration.DROP_DAYS:
        weeks = [
            and_(bucket > now - week * WEEK - days * DAY, bucket <= now - week * WEEK)
            for week in range(1, PAST_WEEKS + 1)
        ]
        # Whole weeks follow each other: one comparison says the same at less cost.
        past = bucket <= now - WEEK if days * DAY == WEEK else or_(*weeks)
        conditions.append(_mean(past) - _mean(bucket > now - days * DAY) >= calibration.LEAST_DROP)
    statement = (
        select(AgentRollup.agent_id)
        .where(AgentRollup.agent_id == _any_of(agent_ids), bucket > now - SPAN, bucket <= now)
        .group_by(AgentRollup.agent_id)
        .having(or_(*conditions))
    )
    return list(await session.scalars(statement))


def _mean(when: ColumnElement[bool]) -> ColumnElement[Decimal]:
    runs = func.sum(AgentRollup.scored).filter(when)
    return func.sum(AgentRollup.overall_sum).filter(when) / func.nullif(runs, 0)


async def _read_trends(
    session: AsyncSession, now: datetime, agent_ids: Collection[str]
) -> dict[str, QualityTrend]:
    if not agent_ids:
        return {}
    age = literal(now, DateTime(timezone=True)) - AgentRollup.bucket
    day = cast(func.floor(func.extract("epoch", age) / 86_400), Integer).label("day")
    total, runs = func.sum(AgentRollup.overall_sum), cast(func.sum(AgentRollup.scored), BigInteger)
    statement = (
        select(AgentRollup.agent_id, day, total, runs)
        .where(
            AgentRollup.agent_id == _any_of(agent_ids),
            AgentRollup.bucket > now - SPAN,
            AgentRollup.bucket <= now,
        )
        .group_by(AgentRollup.agent_id, day)
    )
    days: dict[str, list[Day]] = defaultdict(lambda: [Day(0.0, 0)] * DAYS_READ)
    for agent_id, number, scores, scored in await session.execute(statement):
        days[agent_id][number] = Day(float(scores), scored)
    return {agent_id: QualityTrend(of_agent) for agent_id, of_agent in days.items()}


def _any_of(agent_ids: Collection[str]) -> CollectionAggregate[Any]:
    return any_(cast(literal(list(agent_ids), ARRAY(String)), ARRAY(String)))


async def _with_other_scorers(session: AsyncSession, now: datetime, agent_ids: Sequence[str]) -> list[str]:
    """The agents whose newest runs of this week were scored by others than the newest before.

    Another scorer, or another version of it, may be stricter, and that is no drop.
    """
    if not agent_ids:
        return []
    week, past = [
        await _scorers(session, agent_ids, until, since)
        for until, since in ((now, now - WEEK), (now - WEEK, now - SPAN))
    ]
    return [agent_id for agent_id in agent_ids if is_other_scorer(week[agent_id], past[agent_id])]


async def _scorers(
    session: AsyncSession, agent_ids: Sequence[str], until: datetime, since: datetime
) -> dict[str, Counter[str]]:
    """Who scored the newest few runs of each agent in a time: people, or a scorer and its version."""
    wanted, created_at, scores = wanted_agents(agent_ids), AgentRunLog.created_at, AgentRunLog.rlhf_scores
    by_program = func.concat_ws(" ", scores["scorer"].astext, scores["version"].astext)
    scorer_name = case((scores.has_key("human"), "people"), else_=by_program).label("scorer")
    in_time = and_(created_at <= until, created_at > since, text(IS_SCORED))
    newest = newest_of_agent([scorer_name], wanted.c.agent_id, calibration.SCORER_SAMPLE, in_time)
    sample = newest.correlate(wanted).lateral()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    rows = await session.execute(select(wanted.c.agent_id, sample.c.scorer).join(sample, true()))
    for agent_id, scorer in rows:
        counts[agent_id][scorer] += 1
    return counts


async def waiting_runs(session: AsyncSession, now: datetime) -> Mapping[str, tuple[ReportedRun, ...]]:
    """Each agent's runs that have waited for their scores too long, newest first: a few, and the oldest.

    Only those that came in by the writer: since when others wait is unknown. A long history may just have
    been brought in.
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
        .where(UNSCORED, WELL_DATED, AgentRunLog.created_at <= now - calibration.SCORED_WITHIN)
        .order_by(AgentRunLog.created_at.desc())
        .limit(calibration.MOST_WAITING)
    )
    waiting: dict[str, list[ReportedRun]] = defaultdict(list)
    for agent_id, run_id, status, created_at, summary in await session.execute(statement):
        recorded_at = made_at(run_id)
        waits = recorded_at is not None and recorded_at <= now - calibration.SCORED_WITHIN
        if waits:
            known = waiting[agent_id]
            known[calibration.HISTORY_DEPTH - 1 :] = [
                ReportedRun(str(run_id), status, created_at, summary=summary)
            ]
    return {agent_id: tuple(runs) for agent_id, runs in waiting.items() if runs}
