"""Agent Cloud's finished tasks."""

from fastapi import APIRouter, Response

from app.api.errors import INVALID, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.dashboard.agent_cloud import record_task
from app.dashboard.wire import CloudTaskIn
from app.db.session import transaction

router = APIRouter(prefix="/api/v1/internal/agent-cloud", tags=["agent cloud"], route_class=StrictRoute)


@router.post(
    "/tasks",
    status_code=204,
    summary="Record a finished task",
    responses={**INVALID, **TOO_LARGE, **UNAVAILABLE},
)
async def post_task(task: CloudTaskIn) -> Response:
    """One row a `task_id`; sending it again updates it."""
    async with transaction() as session:
        await record_task(session, **task.model_dump())
    return Response(status_code=204)
