"""Requests to the JSON API of a server, for commands: they load no HTTP client and no database driver.

api = HttpApi()
page = api.request("GET", path_of("agent-run-log"), query={"agent_id": "sage", "limit": 10})
api.request("POST", path_of("agent-run-log", run_id, "feedback"), body={"rating": 1, "rater": "ada"})
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import msgspec

from app.cli.http_post import Answer, send
from app.environment import read_token, read_url
from app.errors import InvalidRequestError, NotFoundError, RunLogError, ServerError, ServerUnavailableError

_PREFIX = "/api/v1/internal"
_JSON = "application/json"

# Seconds for connecting and for each read: a page of runs or a judgement of a large fleet takes some.
_TIMEOUT = 30.0
# What a server or a gateway before it answers when another try may succeed (RFC 9110, 15; RFC 6585, 4).
_NOT_NOW = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# The detail of a path or a method that the server does not have; what is not found has one of its own.
_NO_SUCH_PATH: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Not Found",
    HTTPStatus.METHOD_NOT_ALLOWED: "Method Not Allowed",
}


class Api(Protocol):
    """The JSON API, wherever it is."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Any = None,
        accept: str = _JSON,
    ) -> bytes:
        """The body of the answer to a request; empty for one that says only that it succeeded.

        `path` is as `path_of` makes it; of `query` what is None is left out; `body` is sent as JSON unless
        it is None; `accept` is the media type that is wanted.
        Raises `NotFoundError`, `InvalidRequestError`, `ServerUnavailableError` or `ServerError`, each with
        the reason in a sentence.
        """


class HttpApi:
    """The API of the server at `RUNLOG_URL`, or of the `runlog up` that runs here, by its token.

    Both are looked up for each request: a server that was started again may have another port.
    """

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Any = None,
        accept: str = _JSON,
    ) -> bytes:
        """As `Api` has it; `ConfigError` too where several `runlog up` run."""
        base, token = read_url().rstrip("/"), read_token()
        headers = headers_of(accept, body)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = send(method, base + target_of(path, query), encoded(body), _TIMEOUT, headers)
        except (ValueError, ssl.SSLCertVerificationError) as error:
            raise ServerError(f"{base} cannot be used: {error}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            hint = "is it running? Start it with `runlog up`, or say where it is by RUNLOG_URL or --data-dir"
            raise ServerUnavailableError(f"{base} does not answer: {reason}; {hint}") from error
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise ServerError(_unauthorized(base, has_token=bool(token)))
        return content_of(answer, base, accept)


def path_of(*parts: str) -> str:
    """The path of a resource of the internal face, such as `path_of("agents", agent_id)`.

    Raises `RunLogError`, as `target_of` and `encoded` do, for what a shell passes on that is no Unicode.
    """
    with _unicode():
        return "/".join((_PREFIX, *(quote(part, safe="") for part in parts)))


def target_of(path: str, query: Mapping[str, str | int | None] | None) -> str:
    """`path` with `query`, without what is None in it."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    with _unicode():
        return f"{path}?{urlencode(given)}" if given else path


def headers_of(accept: str, body: Any) -> dict[str, str]:
    """What says which media type is wanted, and which is sent."""
    return {"Accept": accept} | ({} if body is None else {"Content-Type": _JSON})


def encoded(body: Any) -> bytes | None:
    """`body` as JSON; None stays None."""
    with _unicode():
        return None if body is None else msgspec.json.encode(body)


@contextmanager
def _unicode() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise RunLogError("what was given is not valid UTF-8") from error


def content_of(answer: Answer, server: str, media_type: str = _JSON) -> bytes:
    """The body of an answer that succeeded. Raises as `Api.request` does, naming `server`."""
    status, given = answer.status, answer.headers.get_content_type()
    if status == HTTPStatus.NO_CONTENT or (status == HTTPStatus.OK and given == media_type):
        return answer.body
    if status in _NOT_NOW:
        raise ServerUnavailableError(f"{server} answered {status}: {_reason(answer)}")
    location = answer.headers.get("Location")
    if location and HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ServerError(f"{server} leads to {location}: set RUNLOG_URL to the address of the server itself")
    if given != _JSON:
        raise ServerError(f"{server} is no Agent Run Log: it answered {status} with {given}")
    reason = _reason(answer)
    if reason == _NO_SUCH_PATH.get(status):
        causes = "it is an older version, shows its public face only, or has another path"
        raise ServerError(f"{server} does not have this: {causes}")
    if status == HTTPStatus.NOT_FOUND:
        raise NotFoundError(reason)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise InvalidRequestError(reason)
    raise ServerError(f"{server} answered {status}: {reason}")


def _unauthorized(server: str, *, has_token: bool) -> str:
    where = "set RUNLOG_TOKEN to what `runlog token` shows where it runs"
    return (
        f"{server} does not take this token: {where}" if has_token else f"{server} asks for a token: {where}"
    )


def _reason(answer: Answer) -> str:
    """What the server says is wrong, in one line."""
    try:
        detail = json.loads(answer.body)["detail"]
        if isinstance(detail, list):
            return "; ".join(_what_is_wrong(item["loc"], item["msg"]) for item in detail)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return answer.reason
    return str(detail)


def _what_is_wrong(place: list[Any], message: str) -> str:
    """One thing that is wrong: the field, without which part of the request holds it."""
    field = ".".join(map(str, place[1:]))
    said = message.removeprefix("Value error, ")  # with which pydantic begins the message of a `ValueError`
    return f"{field}: {said}" if field else said
