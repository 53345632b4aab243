"""What the fleet did: the figures that every face of the product shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, DateTime, Interval, Select, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.times import start_of_day
from app.models import AgentCloudTask, PeerSwarmHeartbeat
from app.runs.usage_records import UsageSums, spent_between
from app.runs.window_sums import Quality, runs_between, scores_between, successes_between, successes_since

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The dashboard's figures at one moment of the database's clock; "today" is the UTC day.

    `agent_runs_yesterday` are those of yesterday up to the same minute.
    """

    generated_at: datetime
    agent_runs: int
    improvement_loops: int
    agent_cloud_tasks: int
    agent_runs_yesterday: int
    quality_7d: Quality
    quality_previous_7d: Quality

    @property
    def tasks_completed_today(self) -> int:
        """The specification's combined metric."""
        return self.agent_runs + self.improvement_loops + self.agent_cloud_tasks


def _figures() -> Select[Any]:
    """One row with all of `Metrics`."""
    now, day, week = func.now(), _hours(24), _hours(7 * 24)
    today = func.date_trunc("day", now, "UTC", type_=DateTime(timezone=True))
    loops = func.coalesce(func.sum(PeerSwarmHeartbeat.improvement_loops), 0)
    quality = scores_between(now - week, now).subquery()
    previous = scores_between(now - week - week, now - week).subquery()
    return select(
        now.label("now"),
        successes_since(today).scalar_subquery().label("agent_runs"),
        select(loops)
        .where(PeerSwarmHeartbeat.heartbeat_at >= today)
        .scalar_subquery()
        .label("improvement_loops"),
        select(func.count(AgentCloudTask.task_id))
        .where(AgentCloudTask.completed_at >= today)
        .scalar_subquery()
        .label("agent_cloud_tasks"),
        successes_between(today - day, now - day).scalar_subquery().label("agent_runs_yesterday"),
        quality.c.overall_sum,
        quality.c.scored,
        previous.c.overall_sum.label("previous_sum"),
        previous.c.scored.label("previous_scored"),
    ).select_from(quality.join(previous, true()))


def _hours(count: int) -> ColumnElement[timedelta]:
    # Not in days: those of PostgreSQL are as long as the session's zone has them.
    return literal_column(f"interval '{count} hours'", Interval)


_FIGURES = _figures()


async def metrics(session: AsyncSession) -> Metrics:
    """Today's and this week's figures, as of the beginning of the transaction."""
    found = (await session.execute(_FIGURES)).one()
    return Metrics(
        generated_at=found.now,
        agent_runs=found.agent_runs,
        improvement_loops=found.improvement_loops,
        agent_cloud_tasks=found.agent_cloud_tasks,
        agent_runs_yesterday=found.agent_runs_yesterday,
        quality_7d=Quality.of(found.overall_sum, found.scored),
        quality_previous_7d=Quality.of(found.previous_sum, found.previous_scored),
    )


class UsageToday(NamedTuple):
    """The tokens and the cost of today's runs, of those that report them, and how many runs there were."""

    sums: UsageSums
    runs: int


async def usage_today(session: AsyncSession, now: datetime) -> UsageToday:
    """What the runs of the UTC day spent up to now."""
    today = start_of_day(now)
    runs, _ = (await session.execute(runs_between(today, today + _DAY))).one()
    return UsageToday(await spent_between(session, today, today + _DAY), runs)
