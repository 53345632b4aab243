"""What the Auditor found."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.agents.registry import muted_agents
from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.audit.findings import acknowledge, list_findings
from app.audit.wire import AcknowledgementIn, FindingList, FindingOut
from app.db.session import transaction
from app.errors import NotFoundError

router = APIRouter(prefix="/api/v1/internal/audit", tags=["auditor"], route_class=StrictRoute)


@router.get("/findings", summary="What the Auditor found", responses={**INVALID, **UNAVAILABLE})
async def get_findings(
    state: Annotated[
        Literal["open", "all"], Query(description="`open`: what is wrong now. `all`: closed ones too.")
    ] = "open",
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> FindingList:
    """Findings, newest first, as of the Auditor's last cycle."""
    async with transaction() as session:
        found = await list_findings(session, state=state, limit=limit)
        muted = await muted_agents(session)
    return FindingList(findings=[FindingOut.of(finding, muted) for finding in found])


@router.post(
    "/findings/{finding_id}/acknowledge",
    status_code=204,
    summary="Acknowledge a finding",
    responses={**INVALID, **NOT_FOUND, **TOO_LARGE, **UNAVAILABLE},
)
async def acknowledge_finding(finding_id: UUID, acknowledgement: AcknowledgementIn) -> Response:
    """A person knows of it: no alert reminds of it again. Its end is still announced."""
    async with transaction() as session:
        known = await acknowledge(session, finding_id, acknowledgement.by, acknowledgement.note)
    if not known:
        raise NotFoundError("no open finding has this id")
    return Response(status_code=204)
