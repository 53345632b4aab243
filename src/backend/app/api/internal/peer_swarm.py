"""The peer swarm's heartbeat."""

from fastapi import APIRouter, Response

from app.api.errors import INVALID, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.dashboard.peer_swarm import record_heartbeat
from app.dashboard.wire import HeartbeatIn
from app.db.session import transaction

router = APIRouter(prefix="/api/v1/internal/peer-swarm", tags=["peer swarm"], route_class=StrictRoute)


@router.post(
    "/heartbeat",
    status_code=204,
    summary="Record a heartbeat",
    responses={**INVALID, **TOO_LARGE, **UNAVAILABLE},
)
async def post_heartbeat(heartbeat: HeartbeatIn) -> Response:
    """Upserts the agent's one row: the latest heartbeat wins."""
    async with transaction() as session:
        await record_heartbeat(session, **heartbeat.model_dump())
    return Response(status_code=204)
