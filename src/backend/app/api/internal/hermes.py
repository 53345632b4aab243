"""What Hermes sends: signed webhooks of the events of its sessions."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request, Response
from pydantic import BaseModel, Field

from app.api.errors import INVALID, TOO_LARGE, UNAVAILABLE, ErrorBody
from app.api.strict_route import StrictRoute
from app.config import get_settings
from app.intake.domain.hermes import SESSION_END, is_signed, report_of_session
from app.intake.recording import as_run, record

PATH = "/api/v1/internal/hermes/webhook"
router = APIRouter(tags=["hermes"], route_class=StrictRoute)

_UNSIGNED: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorBody, "description": "`RUNLOG_HERMES_SECRET` is set, and did not sign the body."}
}


class HermesEvent(BaseModel):
    """An event of `hooks.outbound`; other fields are not read."""

    hook_event_name: str = Field(examples=[SESSION_END])
    profile: str | None = None
    session_id: str | None = None
    extra: dict[str, Any] | None = None
    timestamp: str | None = None


@router.post(
    PATH,
    status_code=204,
    summary="Take in an event of Hermes",
    responses={**_UNSIGNED, **INVALID, **TOO_LARGE, **UNAVAILABLE},
)
async def receive_event(
    event: HermesEvent,
    request: Request,
    signature: Annotated[str, Header(alias="X-Hermes-Signature-256")] = "",
) -> Response:
    """The end of a cron job's session is a run, once however often it comes; other events tell of none."""
    secret = get_settings().hermes_secret
    if secret and not is_signed(await request.body(), signature, secret.get_secret_value()):
        raise HTTPException(401, "X-Hermes-Signature-256 is not the body's signature by RUNLOG_HERMES_SECRET")
    report = None
    if event.hook_event_name == SESSION_END:
        report = report_of_session(event.profile, event.session_id or "", event.extra or {}, event.timestamp)
    for refused in (await record([as_run(report)] if report else [])).refused:
        raise refused
    return Response(status_code=204)
