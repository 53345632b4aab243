"""Trends of scores, and the feedback that each agent gets on its own."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from app.api.errors import INVALID, NOT_FOUND, UNAVAILABLE, ErrorBody
from app.api.negotiation import preferred
from app.api.query import AgentCursorText, LogText
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.cursors import AgentCursor
from app.quality.agent_feedback import agent_feedback
from app.quality.domain import feedback
from app.quality.domain.calibration import LEAST_DAYS
from app.quality.domain.trend import MOST_DAYS
from app.quality.trends import AGENTS_A_PAGE, DAYS, agent_quality, fleet_quality
from app.quality.wire import AgentFeedbackOut, QualityOut
from app.runs.wire import AgentId

router = APIRouter(prefix="/api/v1/internal", tags=["quality"], route_class=StrictRoute)

_MARKDOWN = "text/markdown"
_OFFERS = ("application/json", _MARKDOWN)
_VARY = {"Vary": "Accept"}
_IN_MARKDOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {_MARKDOWN: {"schema": {"type": "string"}}}, "description": "The feedback."},
    406: {"model": ErrorBody, "description": "Neither JSON nor Markdown is accepted."},
}


@router.get(
    "/quality",
    summary="How scores go",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def get_quality(
    agent_id: LogText = None,
    days: Annotated[int, Query(ge=LEAST_DAYS, le=MOST_DAYS, description="The length of a window.")] = DAYS,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many agents.")] = AGENTS_A_PAGE,
    cursor: AgentCursorText = None,
) -> QualityOut:
    """The last `days` days against as many before: of the fleet and its agents, or of one agent."""
    after = AgentCursor.decode(cursor) if cursor else None
    async with transaction() as session:
        if agent_id is None:
            report = await fleet_quality(session, days, limit, after)
        else:
            report = await agent_quality(session, agent_id, days)
    return QualityOut.model_validate(report)


@router.get(
    "/agents/{agent_id:any}/feedback",
    summary="Get an agent's feedback",
    response_model=AgentFeedbackOut,
    responses={**_IN_MARKDOWN, **INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def get_agent_feedback(agent_id: Annotated[AgentId, Path()], request: Request) -> Response:
    """What its recent runs lacked and what to do next time, as JSON, or as Markdown for its prompt."""
    media_type = preferred(", ".join(request.headers.getlist("Accept")), _OFFERS)
    if media_type is None:
        raise HTTPException(406, f"there is {' and '.join(_OFFERS)}", headers=_VARY)
    async with transaction() as session:
        try:
            given = await agent_feedback(session, agent_id)
        except NotFoundError as error:
            raise HTTPException(404, str(error), headers=_VARY) from error
    if media_type == _MARKDOWN:
        return Response(feedback.markdown(given), media_type=_MARKDOWN, headers=_VARY)
    return JSONResponse(AgentFeedbackOut.model_validate(given).model_dump(mode="json"), headers=_VARY)


@router.put("/agents/{agent_id:any}/feedback", include_in_schema=False, status_code=405)
@router.patch("/agents/{agent_id:any}/feedback", include_in_schema=False, status_code=405)
@router.delete("/agents/{agent_id:any}/feedback", include_in_schema=False, status_code=405)
async def change_agent_feedback() -> Response:
    """Refused here: it would be about an agent of this name otherwise, whose id may contain slashes."""
    raise HTTPException(405)
