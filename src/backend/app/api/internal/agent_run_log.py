"""The run log's endpoints: agents report here, and people read what was reported."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import AfterValidator

from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.query import LogText, Moment
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.errors import InvalidRunError
from app.kit.cursors import CURSOR_PATTERN, Cursor
from app.runs.listing import list_runs
from app.runs.parsing import parse_run
from app.runs.queries import find_run, get_run
from app.runs.sources import sources_of_run
from app.runs.wire import RUN_ID_BEGINNING, RunDetail, RunId, RunIn, RunPage, Status
from app.runs.writer import get_writer
from app.scoring.status import scoring_of

PATH = "/api/v1/internal/agent-run-log"
router = APIRouter(prefix=PATH, tags=["agent run log"], route_class=StrictRoute)
ids_router = APIRouter(prefix="/api/v1/internal/run-ids", tags=["agent run log"], route_class=StrictRoute)

RUN_ID_HEADER = "Run-Id"
"""The header of a 204 that says which row the run is."""

_RECORDED: dict[int | str, dict[str, Any]] = {
    204: {
        "headers": {
            RUN_ID_HEADER: {"schema": {"type": "string", "format": "uuid"}, "description": "The row's id."}
        }
    }
}
_RUN_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": RunIn.model_json_schema()}},
    }
}


@router.post(
    "",
    status_code=204,
    summary="Record a finished run",
    responses={**_RECORDED, **INVALID, **TOO_LARGE, **UNAVAILABLE},
    openapi_extra=_RUN_BODY,
)
async def create_agent_run_log(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="The same key and payload of an agent is recorded once, however often it is sent.",
        ),
    ] = None,
) -> Response:
    """One permanent row. 204 is sent after the row is committed; scoring follows by itself."""
    if not _is_json(request.headers.get("content-type", "")):
        raise InvalidRunError.of("Content-Type must be application/json", "header", "Content-Type")
    run_id = await get_writer().write(parse_run(await request.body(), idempotency_key))
    return Response(status_code=204, headers={RUN_ID_HEADER: str(run_id)})


def _is_json(content_type: str) -> bool:
    # A browser can be made to send any other type across origins without asking.
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _checked_cursor(text: str) -> str:
    Cursor.decode(text)
    return text


@router.get(
    "",
    summary="List runs, newest first",
    response_model=RunPage,
    responses={**INVALID, **UNAVAILABLE},
)
async def list_agent_run_log(
    agent_id: LogText = None,
    status: Status | None = None,
    since: Moment = None,
    until: Moment = None,
    q: LogText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None, AfterValidator(_checked_cursor), Query(json_schema_extra={"pattern": CURSOR_PATTERN})
    ] = None,
) -> Response:
    """`since` is inclusive, `until` exclusive; `q` is searched in the report's text."""
    async with transaction() as session:
        page = await list_runs(
            session,
            limit=limit,
            cursor=Cursor.decode(cursor) if cursor else None,
            agent_id=agent_id,
            status=status,
            since=since,
            until=until,
            q=q,
        )
    return _json({"runs": page.runs, "next_cursor": page.next_cursor})


@router.get(
    "/{run_id}",
    summary="Get one run",
    response_model=RunDetail,
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def get_agent_run_log(run_id: UUID) -> Response:
    """One row of the log: its payload and who reported it, where its score stands, every scorer's result.

    `sources` is empty where the agent alone reported it, without times.
    """
    async with transaction() as session:
        run = await get_run(session, run_id)
        run |= await sources_of_run(session, run_id) | await scoring_of(session, run_id)
    return _json(run)


@ids_router.get(
    "/{beginning}",
    summary="Find a run by the beginning of its id",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def get_run_id(
    beginning: Annotated[str, Path(pattern=RUN_ID_BEGINNING, examples=["01a2269a-a083"])],
) -> RunId:
    """The one run whose id begins so, in hexadecimal digits; where several do, the 404 names some."""
    async with transaction() as session:
        return RunId(id=await find_run(session, beginning))


def _json(value: Any) -> Response:
    # msgspec embeds a payload's own JSON text, so its numbers are shown as they were sent.
    return Response(msgspec.json.encode(value), media_type="application/json")
