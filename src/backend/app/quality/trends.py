"""Trends of scores: the fleet's, an agent's and each dimension's, some days against as many before."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import count_reporting, reporting_ids_by_page, require_known
from app.kit.cursors import AgentCursor
from app.kit.sql import database_now
from app.quality.domain.feedback import DIMENSION
from app.quality.domain.trend import Trend, compare
from app.quality.trend_queries import MOST_A_DAY, ONE_AGENT, SCORERS_OF_AGENTS, SEVERAL_AGENTS, sample
from app.runs.window_sums import scores_by_day
from app.scoring.domain.comparison import Day, is_other_scorer

DAYS = 7  # of a window: a week, so that weekdays are compared with the same weekdays

AGENTS_A_PAGE = 100
"""Agents of a fleet in one answer, as everywhere else where lists come in pages."""

_AT_ONCE = 1_000  # agents, where all are wanted: a few megabytes
_DAY = timedelta(days=1)
_NOTHING = Day(0.0, 0)
_MOST_URGENT_FIRST = ("declined", "improved", "no_change", "not_comparable", "too_few_runs")

DaySums = Mapping[int, Day]
"""The scores of each day, counted back from now: 0 is the day up to now."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The trends at one moment of the database's clock.

    `dimensions` and `scorers` are computed from the newest `MOST_A_DAY` runs of each day; `sampled` says that
    a day had more. Of the fleet alone there are `agents`: some of the `total` that had a run in either
    window, and the place after the last of them where more follow.
    """

    generated_at: datetime
    days: int
    agent_id: str | None
    overall: Trend
    dimensions: Mapping[str, Trend]
    scorers: Mapping[str, int]
    previous_scorers: Mapping[str, int]
    sampled: bool
    agents: Mapping[str, Trend] = field(default_factory=dict)
    total: int | None = None
    next_cursor: AgentCursor | None = None


async def fleet_quality(
    session: AsyncSession, days: int = DAYS, limit: int = AGENTS_A_PAGE, after: AgentCursor | None = None
) -> QualityReport:
    """The fleet's last `days` days against those before, and at most `limit` of its agents', by id."""
    now = await database_now(session)
    rows = await session.execute(scores_by_day(now, 2 * days))
    overall = {day: _day(total, scored) for day, total, scored in rows}
    report = await _report(session, now, days, None, overall)
    total = await count_reporting(session, now - 2 * days * _DAY)
    agents, following = await _agents(session, now, days, limit, after)
    return replace(report, agents=agents, total=total, next_cursor=following)


async def whole_fleet_quality(session: AsyncSession, days: int = DAYS) -> QualityReport:
    """As `fleet_quality`, of all of its agents, those that declined first."""
    report = await fleet_quality(session, days, _AT_ONCE)
    agents, following = dict(report.agents), report.next_cursor
    while following:
        more, following = await _agents(session, report.generated_at, days, _AT_ONCE, following)
        agents |= more
    in_order = sorted(agents.items(), key=lambda each: (_MOST_URGENT_FIRST.index(each[1].verdict), each[0]))
    return replace(report, agents=dict(in_order), next_cursor=None)


async def agent_quality(session: AsyncSession, agent_id: str, days: int = DAYS) -> QualityReport:
    """The agent's last `days` days against those before. Raises `NotFoundError` for an unknown agent."""
    await require_known(session, agent_id)
    now = await database_now(session)
    moments = {"now": now, "middle": now - days * _DAY, "start": now - 2 * days * _DAY}
    rows = await session.execute(ONE_AGENT, {"agent_id": agent_id, **moments})
    overall = {day: _day(total, scored) for _, day, total, scored in rows}
    return await _report(session, now, days, agent_id, overall)


async def _agents(
    session: AsyncSession, now: datetime, days: int, limit: int, after: AgentCursor | None
) -> tuple[dict[str, Trend], AgentCursor | None]:
    start = now - 2 * days * _DAY
    agent_ids, following = await reporting_ids_by_page(session, start, limit, after)
    sums: dict[str, dict[int, Day]] = defaultdict(dict)
    rows = await session.execute(SEVERAL_AGENTS, {"now": now, "start": start, "agent_ids": agent_ids})
    for agent_id, day, total, scored in rows:
        sums[agent_id][day] = _day(total, scored)
    scorers: dict[str, _Scorers] = defaultdict(lambda: _Scorers(days))
    parameters = {"agent_ids": list(sums), "now": now, "days": days}
    for agent_id, *row in await session.execute(SCORERS_OF_AGENTS, parameters):
        scorers[agent_id].add(*row)
    trends = {
        agent_id: _trend(sums[agent_id], days, scorer_changed=scorers[agent_id].changed)
        for agent_id in agent_ids
    }
    return trends, following


async def _report(
    session: AsyncSession,
    now: datetime,
    days: int,
    agent_id: str | None,
    overall: DaySums,
) -> QualityReport:
    scorers, sampled = _Scorers(days), False
    dimensions: dict[str, dict[int, Day]] = defaultdict(dict)
    rows = await session.execute(sample(agent_id, 2 * days), {"now": now})
    for kind, day, name, rated, total, runs in rows:
        if kind == "read":
            sampled = sampled or runs == MOST_A_DAY
        elif kind == "scorer":
            scorers.add(day, name, rated, runs)
        elif DIMENSION.fullmatch(name):
            dimensions[name][day] = _day(total, runs)
    return QualityReport(
        generated_at=now,
        days=days,
        agent_id=agent_id,
        overall=_trend(overall, days, scorer_changed=scorers.changed),
        dimensions={
            name: _trend(dimensions[name], days, scorer_changed=scorers.automatic_changed)
            for name in sorted(dimensions)
        },
        scorers=scorers.windows[0],
        previous_scorers=scorers.windows[1],
        sampled=sampled,
    )


class _Scorers:
    """Who scored the runs of the two windows.

    People's ratings decide a run's `overall` and leave its dimensions alone.
    """

    def __init__(self, days: int) -> None:
        self._days = days
        self.windows: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._automatic: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def add(self, day: int, scorer: str, rated: bool, runs: int) -> None:
        """Take in so many runs of a day, all scored alike."""
        earlier = day >= self._days
        self.windows[earlier]["people" if rated else scorer] += runs
        self._automatic[earlier][scorer] += runs

    @property
    def changed(self) -> bool:
        """Whether `overall` comes from others than before."""
        return is_other_scorer(*self.windows)

    @property
    def automatic_changed(self) -> bool:
        """Whether the dimensions do."""
        return is_other_scorer(*self._automatic)


def _day(total: Decimal | None, runs: int) -> Day:
    return Day(float(total or 0), runs)


def _trend(sums: DaySums, days: int, *, scorer_changed: bool) -> Trend:
    now = [sums.get(day, _NOTHING) for day in range(days)]
    before = [sums.get(day, _NOTHING) for day in range(days, 2 * days)]
    return compare(now, before, scorer_changed=scorer_changed)
