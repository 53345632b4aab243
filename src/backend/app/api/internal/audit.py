"""What the Auditor found."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from app.api.errors import INVALID, UNAVAILABLE
from app.db.session import transaction
from app.schemas.audit import FindingList, FindingOut
from app.services import auditor_service

router = APIRouter(prefix="/api/v1/internal/audit", tags=["auditor"])


@router.get("/findings", summary="What the Auditor found", responses={**INVALID, **UNAVAILABLE})
async def get_findings(
    state: Annotated[
        Literal["open", "all"], Query(description="`open`: what is wrong now. `all`: closed ones too.")
    ] = "open",
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> FindingList:
    """Findings, newest first, as of the Auditor's last cycle."""
    async with transaction() as session:
        found = await auditor_service.findings(session, state=state, limit=limit)
    return FindingList(findings=[FindingOut.model_validate(finding) for finding in found])
