"""OTLP/HTTP: traces in which agents' runs are."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from app.api.errors import INVALID, RETRY_AFTER_SECONDS, TOO_LARGE
from app.api.strict_route import StrictRoute
from app.errors import IngestUnavailableError
from app.intake.domain.spans import UndecodableError
from app.intake.otlp import JSON, PROTOBUF, Codec, load_codec, record_spans

PATH = "/v1/traces"
router = APIRouter(tags=["OpenTelemetry"], route_class=StrictRoute)

# Codes of `google.rpc.Code`.
_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14

_RESPONSE = {"content": {JSON: {"schema": {"type": "object"}}, PROTOBUF: {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An `ExportTraceServiceResponse`; `partialSuccess` counts rejected spans.",
        **_RESPONSE,
    },
    400: {"description": "The body cannot be decoded; a `google.rpc.Status`.", **_RESPONSE},
    415: {"description": f"The body is neither {JSON} nor {PROTOBUF}."},
    503: {"description": "Not possible now; send it again after `Retry-After` seconds.", **_RESPONSE},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"type": "object", "properties": {"resourceSpans": {"type": "array"}}}},
            PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    PATH,
    summary="Export OpenTelemetry traces",
    response_class=Response,
    responses={**INVALID, **TOO_LARGE, **_RESPONSES},
    openapi_extra=_BODY,
)
async def export_traces(request: Request) -> Response:
    """One run for each outermost agent's span, by its trace and span id; all other spans are accepted."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    codec = await load_codec(media_type)
    if codec is None:
        raise HTTPException(415, f"send {PROTOBUF} or {JSON}")
    try:
        outcome = await record_spans(await request.body(), codec.decode)
    except UndecodableError as error:
        return _error(codec, 400, _INVALID_ARGUMENT, str(error))
    except IngestUnavailableError as error:
        answer = _error(codec, 503, _UNAVAILABLE, str(error))
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    return Response(codec.answer(*outcome), media_type=codec.media_type)


def _error(codec: Codec, status: int, code: int, message: str) -> Response:
    return Response(codec.status(code, message), status, media_type=codec.media_type)
