"""The public Intelligence Dashboard's data."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.errors import INVALID, UNAVAILABLE
from app.api.query import AgentCursorText
from app.dashboard import insights
from app.dashboard.cards import CardPage, EventCard, event_cards
from app.dashboard.wire import AgentEvent, Intelligence, IntelligenceMetrics, MetricSources
from app.db.replica import reading
from app.kit.cursors import AgentCursor

router = APIRouter(prefix="/api/v1/public/platform", tags=["intelligence"])

MOST_CARDS = 100
"""On a page, unless asked otherwise: 40 kilobytes."""

LAG_HEADER = "Runlog-Replica-Lag"
"""By how many seconds the answer is behind, where it was read on a replica."""


@router.get(
    "/intelligence", summary="Today's work and the week's quality", responses={**INVALID, **UNAVAILABLE}
)
async def get_platform_intelligence(
    response: Response,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many cards.")] = MOST_CARDS,
    cursor: AgentCursorText = None,
) -> Intelligence:
    """What the fleet did: metrics of today and of 7 days, and a card an agent, newest run first."""
    async with reading() as (session, lag):
        metrics = await insights.metrics(session)
        after = AgentCursor.decode(cursor) if cursor else None
        page = await _get_peer_swarm_events(session, metrics.generated_at, limit, after)
    if lag is not None:
        response.headers[LAG_HEADER] = f"{lag:.3f}"
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
        events=[_event(card) for card in page.cards],
        events_total=page.total,
        next_cursor=page.next_cursor.encode() if page.next_cursor else None,
    )


async def _get_peer_swarm_events(
    session: AsyncSession, now: datetime, limit: int, after: AgentCursor | None
) -> CardPage:
    """Each agent's most recent run as a card."""
    return await event_cards(session, now, limit, after)


def _event(card: EventCard) -> AgentEvent:
    event = AgentEvent.model_validate(card, from_attributes=True)
    return event.model_copy(update={"ran_at": _to_seconds(card.ran_at)})


def _to_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
