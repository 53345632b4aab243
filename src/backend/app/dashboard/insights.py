"""What the fleet did: the figures and cards that every face of the product shows."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identify
from app.agents.registry import identities
from app.kit.secrets import public_text
from app.kit.sql import database_now
from app.kit.text import ago
from app.kit.times import WEEK
from app.models import AgentCloudTask, AgentRunLog, PeerSwarmHeartbeat
from app.models.agent_run_log import AUDITOR
from app.runs.queries import newest_of_each_agent
from app.runs.window_sums import Quality, scores_between, successes_since

ACTION_LENGTH = 280  # characters of a summary that the public sees


@dataclass(frozen=True, slots=True)
class Metrics:
    """The dashboard's figures at one moment of the database's clock; "today" is the UTC day."""

    generated_at: datetime
    agent_runs: int
    improvement_loops: int
    agent_cloud_tasks: int
    quality_7d: Quality
    quality_previous_7d: Quality

    @property
    def tasks_completed_today(self) -> int:
        """The specification's combined metric."""
        return self.agent_runs + self.improvement_loops + self.agent_cloud_tasks


@dataclass(frozen=True, slots=True)
class EventCard:
    """An agent's most recent run, fit for the public."""

    agent_id: str
    agent: str
    role: str | None
    title: str
    action: str | None
    status: str
    run_status: str
    ran_at: datetime
    ago: str


async def metrics(session: AsyncSession) -> Metrics:
    """Today's and this week's figures."""
    now = await database_now(session)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    counts = select(
        successes_since(today).scalar_subquery(),
        select(func.coalesce(func.sum(PeerSwarmHeartbeat.improvement_loops), 0))
        .where(PeerSwarmHeartbeat.heartbeat_at >= today)
        .scalar_subquery(),
        select(func.count())
        .select_from(AgentCloudTask)
        .where(AgentCloudTask.completed_at >= today)
        .scalar_subquery(),
    )
    agent_runs, loops, cloud_tasks = (await session.execute(counts)).one()
    return Metrics(
        generated_at=now,
        agent_runs=agent_runs,
        improvement_loops=loops,
        agent_cloud_tasks=cloud_tasks,
        quality_7d=await _quality(session, now - WEEK, now),
        quality_previous_7d=await _quality(session, now - 2 * WEEK, now - WEEK),
    )


async def _quality(session: AsyncSession, start: datetime, end: datetime) -> Quality:
    return Quality.of(*(await session.execute(scores_between(start, end))).one())


async def event_cards(session: AsyncSession, now: datetime) -> list[EventCard]:
    """One card an agent but the Auditor, newest run first."""
    runs = (await session.scalars(newest_of_each_agent(1, [AgentRunLog.agent_id != AUDITOR]))).all()
    known = await identities(session)
    # Masking hostile texts takes a while, in which others are served.
    return await asyncio.to_thread(lambda: [_card(run, known, now) for run in runs])


def _card(run: AgentRunLog, known: Mapping[str, Identity], now: datetime) -> EventCard:
    shown = (known.get(run.agent_id) or identify(run.agent_id)).masked()
    ran_at = run.created_at or run.run_at
    return EventCard(
        agent_id=run.agent_id,
        agent=shown.name,
        role=shown.role,
        title=shown.title,
        action=public_text(run.action_summary, ACTION_LENGTH) if run.action_summary else None,
        status="failed" if run.status == "failed" else "completed",
        run_status=run.status,
        ran_at=ran_at,
        ago=ago(ran_at, now),
    )
