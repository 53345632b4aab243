"""What OpenClaw sends: webhooks of finished runs, completions, failure alerts, a plugin's events.

OpenClaw takes any answer but 2xx, and one that takes ten seconds, for a failure of the delivery, and its
webhooks are not sent again. So this answers 2xx to whatever comes, in words that hold nothing of it:

1. The body is read as facts; what is not understood is a fact too.
2. They are recorded: 204.
3. Where the database is away or slow, they are written to disk instead: 202. `Upkeep` records them later.
4. Only where that fails too, the answer is 503: a 2xx would say that they are kept.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.responses import JSONResponse

from app import metrics
from app.api.errors import INVALID, UNAVAILABLE, unavailable
from app.api.strict_route import StrictRoute
from app.config import get_settings
from app.db.problems import is_refusal, problem
from app.db.session import transaction
from app.errors import IngestUnavailableError
from app.intake.domain.openclaw.facts import Fact, UnknownFact
from app.intake.domain.openclaw.shapes import facts_of
from app.intake.openclaw import Recorder
from app.intake.openclaw_kept import newest_kept
from app.intake.spool import Spool
from app.kit import strict_json
from app.kit.sessions import is_token
from app.logs import get_logger
from app.runs.writer import get_writer
from app.wiring import openclaw_settings

RECORD_SECONDS = 3.0
"""After which what came is written to disk. OpenClaw waits ten, and hanging up on a database takes two."""

DRAIN_SECONDS = 5.0
"""Between two looks at what waits on disk."""

LOOKS_A_RELEASE = 12
"""After so many of them comes one at the alerts that wait in the database."""

_LARGE_BYTES = 64 * 1024  # read beside the loop: of hostile JSON this takes some 10 ms
_BEARER = "bearer "
_OUTAGES = (
    IngestUnavailableError,
    DBAPIError,
    PoolTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,  # with TimeoutError
)

log = get_logger(__name__)
router = APIRouter(prefix="/api/v1/internal/openclaw", tags=["openclaw"], route_class=StrictRoute)


class KeptEvent(BaseModel):
    """An event that is kept."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    reason: str | None
    job_id: str | None
    body: Any
    times: int
    received_at: datetime
    last_received_at: datetime


class KeptEvents(BaseModel):
    """What is kept, the newest first."""

    events: list[KeptEvent]


_RECEIVED: dict[int | str, dict[str, Any]] = {
    202: {"description": "The database is away; it is kept on disk and recorded later."},
    401: {"description": "`RUNLOG_OPENCLAW_TOKEN` is set, and this is not it. Nothing is kept."},
}
_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {}}}}}


@router.post(
    "/cron",
    status_code=204,
    summary="Take what OpenClaw sends",
    responses={**_RECEIVED, **UNAVAILABLE},
    openapi_extra=_BODY,
)
@router.post("/cron/", status_code=204, include_in_schema=False)
async def receive(request: Request) -> Response:
    """A webhook, a completion, a failure alert, a plugin's event, or `{"events": […]}` of these."""
    if not _is_admitted(request):
        metrics.OPENCLAW_EVENTS.labels("wrong_token").inc()
        return JSONResponse({"detail": "the bearer token is wrong"}, 401, {"WWW-Authenticate": "Bearer"})
    facts = await _facts(request)
    try:
        async with asyncio.timeout(RECORD_SECONDS):
            await record(facts)
    except _OUTAGES as error:
        if is_refusal(error):
            log.warning("openclaw_refused", error=problem(error))
            return await _keep_on_disk([UnknownFact("an event that the database refuses")])
        log.warning("openclaw_kept_on_disk", error=str(error) or type(error).__name__)
        return await _keep_on_disk(facts)
    return Response(status_code=204)


@router.get("/cron", summary="List the events that are kept", responses={**INVALID, **UNAVAILABLE})
async def list_kept(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> KeptEvents:
    """Those that are not understood, alerts that wait for their agent, tools that failed in a run."""
    async with transaction() as session:
        found = await newest_kept(session, limit)
    return KeptEvents(events=[KeptEvent.model_validate(each) for each in found])


async def record(facts: Sequence[Fact]) -> None:
    """Record `facts` and count them. Raises as `Recorder.record`."""
    recorder = Recorder(transaction, get_writer().write, openclaw_settings(get_settings()))
    for outcome, number in (await recorder.record(facts)).items():
        metrics.OPENCLAW_EVENTS.labels(outcome).inc(number)


def spool() -> Spool:
    """What waits on this machine's disk."""
    return Spool(get_settings().data_dir / "openclaw")


async def _facts(request: Request) -> list[Fact]:
    store_prompts = get_settings().openclaw_store_prompts
    try:
        body = await request.body()
        if len(body) > _LARGE_BYTES:
            return await asyncio.to_thread(_read, body, store_prompts)
        return _read(body, store_prompts)
    except HTTPException as error:
        return [UnknownFact(f"a body that cannot be read ({error.status_code})")]


def _read(body: bytes, store_prompts: bool) -> list[Fact]:
    try:
        return facts_of(strict_json.loads(body), store_prompts=store_prompts)
    except strict_json.StrictJSONError:
        return [UnknownFact("a body that is no JSON", {"bytes": len(body)})]


async def _keep_on_disk(facts: Sequence[Fact]) -> Response:
    try:
        await asyncio.to_thread(spool().put, facts)
    except OSError as error:
        metrics.OPENCLAW_EVENTS.labels("lost").inc()
        log.warning("openclaw_not_kept", error=str(error))
        return unavailable("neither the database nor the disk takes this now")
    metrics.OPENCLAW_EVENTS.labels("on_disk").inc()
    return Response(status_code=202)


def _is_admitted(request: Request) -> bool:
    """Whether it has OpenClaw's token, or the server's own, where one is set for OpenClaw."""
    settings = get_settings()
    if not (settings.openclaw_token and settings.openclaw_token.get_secret_value()):
        return True
    given = request.headers.get("authorization", "")
    bearer = given[len(_BEARER) :].strip() if given[: len(_BEARER)].lower() == _BEARER else ""
    tokens = [each.get_secret_value() for each in (settings.openclaw_token, settings.token) if each]
    return any(token and is_token(bearer, token) for token in tokens)


class Upkeep:
    """Records, while the server runs, what waits: on disk for the database, in it for an alert's agent."""

    def __init__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what still waits does so until the next start."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        for look in count(1):
            await asyncio.sleep(DRAIN_SECONDS)
            try:
                if spool().waits():
                    await spool().drain(record)
                if look % LOOKS_A_RELEASE == 0:
                    await record(())  # what has waited long enough
            except _OUTAGES as error:
                log.info("openclaw_waits", error=str(error) or type(error).__name__)
