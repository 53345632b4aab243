"""What the Auditor judges agents' scores by: how they go, and which runs wait for theirs too long."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    String,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import CollectionAggregate

from app.audit import calibration
from app.audit.domain.evaluation import isolated
from app.audit.domain.history import ReportedRun
from app.audit.domain.quality import DAY, DAYS_READ, PAST_WEEKS, SPAN, QualityTrend
from app.audit.domain.scores import QualityDrop, find_drop
from app.kit.sql import IS_SCORED, MAY_BE_SCORED, WELL_DATED, newest_of_agent, wanted_agents
from app.kit.times import WEEK
from app.models import AgentRollup, AgentRunLog, AgentRunState, AgentTrend
from app.models.agent_run_log import UNSCORED
from app.runs.run import made_at
from app.scoring.domain.comparison import Day, is_other_scorer

# Counted so that the agents' hours begin in turn, not all at once.
_HOUR_OF_AGENT = "(extract(epoch FROM :now) + (hashtext(state.agent_id) & 4095) % 3600)::bigint / 3600"
_IS_DUE = "(trend.hour, trend.changed_in) IS DISTINCT FROM (due.hour, state.changed_in)"
_STATES = f"""SELECT state.agent_id, due.hour, state.changed_in
FROM agent_run_state AS state
CROSS JOIN LATERAL (SELECT {_HOUR_OF_AGENT} AS hour) AS due
LEFT JOIN agent_trend AS trend ON trend.agent_id = state.agent_id
"""  # noqa: S608
_BOUND = bindparam("now", type_=DateTime(timezone=True)), bindparam("drops_open", type_=ARRAY(String))
# Those that were never read first.
_DUE = text(f"""{_STATES} WHERE {_IS_DUE} AND state.agent_id <> ALL(:drops_open)
ORDER BY trend.hour NULLS FIRST, state.agent_id LIMIT :most""").bindparams(*_BOUND)
_OPEN_DROPS = text(f"""{_STATES} WHERE ({_IS_DUE} OR trend.totals IS NULL)
    AND state.agent_id = ANY(:drops_open)""").bindparams(*_BOUND)
_KEEP = text("""
INSERT INTO agent_trend (agent_id, hour, changed_in)
SELECT * FROM unnest(:agent_ids, :hours, :changed_in)
ON CONFLICT (agent_id) DO UPDATE SET
    hour = excluded.hour, changed_in = excluded.changed_in, totals = NULL, runs = NULL
""").bindparams(
    bindparam("agent_ids", type_=ARRAY(String)),
    bindparam("hours", type_=ARRAY(BigInteger)),
    bindparam("changed_in", type_=ARRAY(BigInteger)),
)
_FORGET = text("""
DELETE FROM agent_trend AS trend WHERE totals IS NOT NULL
    AND NOT EXISTS (SELECT FROM agent_run_state AS state WHERE state.agent_id = trend.agent_id)
""")


class TrendKey(NamedTuple):
    """In which hour an agent's trend was read, and which other transaction last changed its runs by then."""

    hour: int
    changed_in: int | None


class ReadTrends(NamedTuple):
    """The trends of the agents whose mean fell by much, and of which agents they were read just now."""

    fallen: Mapping[str, QualityTrend]
    read: Mapping[str, TrendKey]


async def read_trends(session: AsyncSession, now: datetime, drops_open: Collection[str] = ()) -> ReadTrends:
    """How the scores of agents go, of those whose mean fell by much. They are kept for an hour.

    A mean of days hardly moves in an hour, and the agents' hours come in turn, so that a cycle reads a part
    of the fleet. Beyond a thousand agents the rest is left for the next cycles, but for `drops_open`: an open
    finding must not end because the agent's scores were not read.

    1. See of which agents nothing of this hour is kept: of as many as a cycle may read.
    2. Find those of them whose mean fell by much: the others are done with.
    3. Read their scores by days.
    4. Leave out those that another scorer scored.
    5. Add what is kept of the others.
    """
    moments = {"now": now, "drops_open": list(drops_open)}
    due = {}
    if drops_open:
        due = {row[0]: TrendKey(*row[1:]) for row in await session.execute(_OPEN_DROPS, moments)}
    rows = await session.execute(_DUE, {**moments, "most": calibration.MOST_TRENDS})
    due |= {row[0]: TrendKey(*row[1:]) for row in rows}
    fallen = await _fallen(session, now, due)
    found = await _read_trends(session, now, {*fallen, *set(drops_open).intersection(due)})
    dropped = [
        agent_id
        for agent_id, trend in found.items()
        if isolated(QualityDrop.name, agent_id, partial(find_drop, trend, is_open=True))
    ]
    for agent_id in await _with_other_scorers(session, now, dropped):
        del found[agent_id]
    kept = await _kept_trends(session)
    return ReadTrends({each: kept[each] for each in kept.keys() - due.keys()} | found, due)


async def _kept_trends(session: AsyncSession) -> dict[str, QualityTrend]:
    statement = (
        select(AgentTrend.agent_id, AgentTrend.totals, AgentTrend.runs)
        .join(AgentRunState, AgentRunState.agent_id == AgentTrend.agent_id)
        .where(AgentTrend.totals.is_not(None))
    )
    return {
        agent_id: QualityTrend([Day(*day) for day in zip(totals or (), runs or (), strict=True)])
        for agent_id, totals, runs in await session.execute(statement)
    }


async def keep_trends(session: AsyncSession, trends: ReadTrends) -> None:
    """Keep what was read, for the cycles of the next hour."""
    agent_ids = sorted(trends.read)
    if not agent_ids:
        return
    hours, changed_in = zip(*(trends.read[agent_id] for agent_id in agent_ids), strict=True)
    parameters = {"agent_ids": agent_ids, "hours": list(hours), "changed_in": list(changed_in)}
    await session.execute(_KEEP, parameters)
    await session.execute(_FORGET)
    for agent_id in sorted(trends.read.keys() & trends.fallen.keys()):
        totals, runs = zip(*trends.fallen[agent_id].days, strict=True)
        await session.execute(
            update(AgentTrend)
            .where(AgentTrend.agent_id == agent_id)
            .values(totals=list(totals), runs=list(runs))
            .execution_options(synchronize_session=False)
        )


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
        .where(
            UNSCORED,
            text(MAY_BE_SCORED),
            WELL_DATED,
            AgentRunLog.created_at <= now - calibration.SCORED_WITHIN,
        )
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
