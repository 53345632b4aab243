"""What the Auditor found."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy import text

from app.agents.registry import muted_agents
from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.audit.cycle import judge_now
from app.audit.findings import acknowledge, list_findings
from app.audit.heartbeat import last_cycle
from app.audit.wire import (
    AcknowledgementIn,
    FindingList,
    FindingNow,
    FindingOut,
    JudgementOut,
    NotJudged,
)
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.wiring import audit_settings

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
        muted = await muted_agents(session) if found else set()
    return FindingList(findings=[FindingOut.of(finding, muted) for finding in found])


@router.get("/now", summary="What the Auditor finds now", responses=UNAVAILABLE)
async def judge() -> JudgementOut:
    """Every agent is judged; nothing is stored or announced, which the Auditor's cycle does."""
    settings = audit_settings(get_settings())
    async with transaction() as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        last, muted = await last_cycle(session), await muted_agents(session)
        judged = await judge_now(session, settings)
    return JudgementOut(
        judged_at=judged.at,
        agents=judged.agents,
        findings=[FindingNow.of(finding, muted) for finding in judged.open],
        not_judged=[NotJudged.model_validate(error) for error in judged.errors],
        last_cycle_at=last,
        interval_seconds=settings.interval.total_seconds(),
    )


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
