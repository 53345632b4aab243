"""How errors are answered: the same shapes for every endpoint, and never a traceback to a client."""

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

from app.db.problems import AWAY, problem
from app.errors import (
    IngestUnavailableError,
    InvalidRunError,
    NotFoundError,
    NotSealedError,
    ProofRangeError,
)
from app.kit import strict_json
from app.kit.secrets import redact, redact_json
from app.logs import get_logger

log = get_logger(__name__)

RETRY_AFTER_SECONDS = 1  # the database is probed ten times a second
_MAX_PLACE = 100  # characters of a key of the payload that names a place in it
# SQLSTATE classes that say "not now": connection, transaction rollback, resources, lock, operator, system
# (PostgreSQL documentation, appendix A).
_OUTAGE_CLASSES = ("08", "40", "53", "55", "57", "58")
_DATA_EXCEPTION = "22"
_NO_OBJECT = ("dict_type", "model_type", "model_attributes_type")  # pydantic's types of such an error


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
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": ErrorBody, "description": "Not possible yet."}}
UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {
        "model": ErrorBody,
        "description": "Not possible now; try again after `Retry-After` seconds.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    }
}


def install_refusals(app: FastAPI) -> None:
    """Give `app` the handlers that say what is wrong with a request."""
    app.exception_handler(InvalidRunError)(_run_not_recorded)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(NotFoundError)(_not_found)
    app.exception_handler(ProofRangeError)(_not_found)
    app.exception_handler(NotSealedError)(_not_sealed)


def install_error_handlers(app: FastAPI) -> None:
    """Give `app` every handler of this module."""
    install_refusals(app)
    app.exception_handler(IngestUnavailableError)(_run_not_recorded)
    app.exception_handler(ClientDisconnect)(_client_gone)
    app.exception_handler(DBAPIError)(_database_error)
    for outage in (OSError, MemoryError, PoolTimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        app.exception_handler(outage)(_outage)


def validation_error(errors: Sequence[Any]) -> JSONResponse:
    """A 422 in FastAPI's form, but for `input`: what was sent is not sent back, for it may hold secrets."""
    return JSONResponse({"detail": [_presentable(error) for error in errors]}, status_code=422)


def unavailable(reason: str) -> JSONResponse:
    """A 503 that says when to come back."""
    return JSONResponse(
        {"detail": redact(reason)}, status_code=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


def _presentable(error: dict[str, Any]) -> dict[str, Any]:
    place = [part if isinstance(part, int) else str(part)[:_MAX_PLACE] for part in error["loc"]]
    shown = {"type": error["type"], "loc": redact_json(place), "msg": redact(_message(error))}
    if "ctx" in error:
        shown["ctx"] = {key: redact(str(value)) for key, value in error["ctx"].items()}
    return shown


def _message(error: dict[str, Any]) -> str:
    """What is wrong, in words of JSON where pydantic speaks of Python's types."""
    if error["type"] == "json_invalid":
        return f"{error['msg']}: {error['ctx']['error']}"
    if error["type"] not in _NO_OBJECT:
        return str(error["msg"])
    place = str(error["loc"][-1]) if error["loc"] else "body"
    subject = "the body" if place == "body" else place
    value = error.get("input")
    if isinstance(value, str) and strict_json.holds_object(value):
        return f"{subject} is a string that holds JSON: send the object itself"
    return f"{subject} must be a JSON object"


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


async def _not_found(_: Request, error: NotFoundError | ProofRangeError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def _not_sealed(_: Request, error: NotSealedError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)


async def _client_gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)  # never read: the client is gone


async def _database_error(request: Request, error: DBAPIError) -> JSONResponse:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(_DATA_EXCEPTION):
        message = "PostgreSQL cannot hold a value in this request"
        return validation_error([{"type": "value_error", "loc": ["body"], "msg": message}])
    if (
        problem(error) != AWAY
        or error.connection_invalidated
        or not state
        or state.startswith(_OUTAGE_CLASSES)
    ):
        return await _outage(request, error)
    raise error


async def _outage(_: Request, error: Exception) -> JSONResponse:
    log.warning("database_unavailable", error=str(error) or type(error).__name__)
    return unavailable(problem(error))
