"""How errors are answered: the same shapes for every endpoint, and never a traceback to a client."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import ClientDisconnect

from app.errors import IngestUnavailableError, InvalidRunError, NotFoundError
from app.kit.secrets import redact, redact_json
from app.logs import get_logger

log = get_logger(__name__)

RETRY_AFTER_SECONDS = 1  # the database is probed ten times a second
_MAX_INPUT = 1000  # bytes of an invalid value that its error shows
# SQLSTATE classes that say "not now": connection, transaction rollback, resources, lock, operator, system
# (PostgreSQL documentation, appendix A).
_OUTAGE_CLASSES = ("08", "40", "53", "55", "57", "58")
_DATA_EXCEPTION = "22"


class ErrorBody(BaseModel):
    """An error in one sentence."""

    detail: str


class ValidationErrorBody(BaseModel):
    """FastAPI's body for an invalid request."""

    class Item(BaseModel):
        """One thing that is wrong, and where."""

        type: str
        loc: list[str | int]
        msg: str
        input: Any = None
        ctx: dict[str, Any] | None = None

    detail: list[Item]


INVALID: dict[int | str, dict[str, Any]] = {
    422: {"model": ValidationErrorBody, "description": "The request is not valid; nothing was stored."}
}
TOO_LARGE: dict[int | str, dict[str, Any]] = {
    413: {"model": ErrorBody, "description": "The body is larger than the server's limit."}
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "There is no such thing."}
}
UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ErrorBody,
        "description": "Not possible now; try again after `Retry-After` seconds.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    }
}


def install_error_handlers(app: FastAPI) -> None:
    """Give `app` every handler of this module."""
    app.exception_handler(InvalidRunError)(_run_not_recorded)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(IngestUnavailableError)(_run_not_recorded)
    app.exception_handler(NotFoundError)(_not_found)
    app.exception_handler(ClientDisconnect)(_client_gone)
    app.exception_handler(DBAPIError)(_database_error)
    for outage in (OSError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.exception_handler(outage)(_outage)


def validation_error(errors: Sequence[Any]) -> JSONResponse:
    """A 422 in FastAPI's form, without secrets. `input` is shortened: it may be huge, or no valid JSON."""
    return JSONResponse({"detail": [_presentable(error) for error in errors]}, status_code=422)


def unavailable(reason: str) -> JSONResponse:
    """A 503 that says when to come back."""
    return JSONResponse(
        {"detail": redact(reason)}, status_code=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def _presentable(error: dict[str, Any]) -> dict[str, Any]:
    shown = {"type": error["type"], "loc": redact_json(list(error["loc"])), "msg": redact(error["msg"])}
    field = str(error["loc"][-1]) if error["loc"] else ""
    shown["input"] = _sendable(error.get("input"), field)
    if "ctx" in error:
        shown["ctx"] = {key: _sendable(str(value), field) for key, value in error["ctx"].items()}
    return shown


def _sendable(value: Any, field: str) -> Any:
    """`value` where it is short and any client can read it as JSON, else the start of its repr; masked."""
    try:
        if len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) <= _MAX_INPUT:
            return redact_json(value, field)
    except (TypeError, ValueError):
        pass  # such as NaN or a lone surrogate
    # Half a secret is not recognised: cut after masking too.
    return f"{redact(ascii(value)[: 2 * _MAX_INPUT])[:_MAX_INPUT]}…"


def run_not_recorded(error: Exception) -> JSONResponse:
    """The answer to a report that was not recorded. Raises `error` where it is an internal one."""
    match error:
        case InvalidRunError():
            return validation_error(error.errors)
        case IngestUnavailableError():
            return unavailable(str(error))
    raise error


async def _run_not_recorded(_: Request, error: Exception) -> JSONResponse:
    return run_not_recorded(error)


async def _invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    return validation_error(error.errors())


async def _not_found(_: Request, error: NotFoundError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def _client_gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)  # never read: the client is gone


async def _database_error(request: Request, error: DBAPIError) -> JSONResponse:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(_DATA_EXCEPTION):
        message = f"PostgreSQL cannot hold a value in this request: {error.orig}"
        return validation_error([{"type": "value_error", "loc": ["body"], "msg": message}])
    if error.connection_invalidated or not state or state.startswith(_OUTAGE_CLASSES):
        return await _outage(request, error)
    raise error


async def _outage(_: Request, error: Exception) -> JSONResponse:
    log.warning("database_unavailable", error=str(error) or type(error).__name__)
    return unavailable("the database is not available")
