"""The signal that a run has started, so that one that never ends is seen."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.errors import NotFoundError
from app.runs.starts import record_start, withdraw_start
from app.runs.wire import AgentId, RunKey, RunStartIn

router = APIRouter(prefix="/api/v1/internal/agent-run-start", tags=["agent run log"], route_class=StrictRoute)


@router.post(
    "",
    status_code=204,
    summary="Say that a run has started",
    responses={**INVALID, **TOO_LARGE, **UNAVAILABLE},
)
async def post_agent_run_start(start: RunStartIn) -> Response:
    """The run is under way until it is recorded. The same key again changes nothing."""
    async with transaction() as session:
        await record_start(session, **start.model_dump())
    return Response(status_code=204)


@router.delete(
    "",
    status_code=204,
    summary="Withdraw that a run has started",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def delete_agent_run_start(
    agent_id: Annotated[AgentId, Query()], run_key: Annotated[RunKey | None, Query()] = None
) -> Response:
    """For a run that ended and will not be reported."""
    async with transaction() as session:
        if not await withdraw_start(session, agent_id, run_key):
            raise NotFoundError("no such run has started")
    return Response(status_code=204)
