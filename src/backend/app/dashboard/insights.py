"""What the fleet did: the figures that every face of the product shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import database_now
from app.kit.times import WEEK, start_of_day
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


async def metrics(session: AsyncSession) -> Metrics:
    """Today's and this week's figures."""
    now = await database_now(session)
    today = start_of_day(now)
    counts = select(
        successes_since(today).scalar_subquery(),
        select(func.coalesce(func.sum(PeerSwarmHeartbeat.improvement_loops), 0))
        .where(PeerSwarmHeartbeat.heartbeat_at >= today)
        .scalar_subquery(),
        select(func.count())
        .select_from(AgentCloudTask)
        .where(AgentCloudTask.completed_at >= today)
        .scalar_subquery(),
        successes_between(today - _DAY, now - _DAY).scalar_subquery(),
    )
    agent_runs, loops, cloud_tasks, yesterday = (await session.execute(counts)).one()
    return Metrics(
        generated_at=now,
        agent_runs=agent_runs,
        improvement_loops=loops,
        agent_cloud_tasks=cloud_tasks,
        agent_runs_yesterday=yesterday,
        quality_7d=await _quality(session, now - WEEK, now),
        quality_previous_7d=await _quality(session, now - 2 * WEEK, now - WEEK),
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


async def _quality(session: AsyncSession, start: datetime, end: datetime) -> Quality:
    return Quality.of(*(await session.execute(scores_between(start, end))).one())
