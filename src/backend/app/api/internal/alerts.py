"""The alerts: what went out, what waits, and how each try went."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from app.alerts.delivery import notifications
from app.alerts.wire import AlertList, AlertOut
from app.api.errors import INVALID, UNAVAILABLE
from app.api.query import LogText
from app.db.session import transaction

router = APIRouter(prefix="/api/v1/internal/alerts", tags=["auditor"])


@router.get("", summary="List the alerts", responses={**INVALID, **UNAVAILABLE})
async def get_alerts(
    state: Annotated[
        Literal["pending", "sent", "failed"] | None, Query(description="Only those that are so.")
    ] = None,
    channel: LogText = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> AlertList:
    """Alerts of every channel, newest first."""
    async with transaction() as session:
        found = await notifications(session, state=state, channel=channel, limit=limit)
    return AlertList(alerts=[AlertOut.of(row, attempts) for row, attempts in found])
