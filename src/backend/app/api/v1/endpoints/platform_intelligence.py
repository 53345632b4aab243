"""The public Intelligence Dashboard's data."""

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.errors import UNAVAILABLE
from app.dashboard import insights
from app.dashboard.wire import AgentEvent, Intelligence, IntelligenceMetrics, MetricSources
from app.db.session import transaction

router = APIRouter(prefix="/api/v1/public/platform", tags=["intelligence"])


@router.get("/intelligence", summary="Today's work and the week's quality", responses=UNAVAILABLE)
async def get_platform_intelligence() -> Intelligence:
    """What the fleet did: metrics of today and of 7 days, and a card an agent, newest run first."""
    async with transaction() as session:
        metrics = await insights.metrics(session)
        events = await _get_peer_swarm_events(session, metrics.generated_at)
    return Intelligence(
        generated_at=_to_seconds(metrics.generated_at),
        metrics=IntelligenceMetrics(
            tasks_completed_today=metrics.tasks_completed_today,
            tasks_completed_today_sources=MetricSources(
                agent_runs=metrics.agent_runs,
                improvement_loops=metrics.improvement_loops,
                agent_cloud_tasks=metrics.agent_cloud_tasks,
            ),
            rlhf_quality_score_7d=metrics.quality_7d.mean,
            rlhf_quality_score_previous_7d=metrics.quality_previous_7d.mean,
            runs_scored_7d=metrics.quality_7d.runs,
        ),
        events=events,
    )


async def _get_peer_swarm_events(session: AsyncSession, now: datetime) -> list[AgentEvent]:
    """Each agent's most recent run as a card."""
    cards = await insights.event_cards(session, now)
    return [AgentEvent(**{**asdict(card), "ran_at": _to_seconds(card.ran_at)}) for card in cards]


def _to_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
