"""Watching the HTTP of apprise's plugins, which each send in their own way, all by the library requests.

Within `watching()` no request follows a redirect, which would repeat a POST as a GET without the message and
be answered with 200; no answer is read for ever; and every answer is noted, for plugins differ in what they
take for success. So is why there was none, which they wrap in much else. Elsewhere requests works as ever.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import TOO_MANY_REQUESTS
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from app.alerts.channels.answers import Answer

_MOST_READ = 1024 * 1024  # bytes of an answer
_CHUNK = 16 * 1024  # bytes

_ORIGINAL_SEND = HTTPAdapter.send


@dataclass(slots=True)
class Watch:
    """What was answered so far, and in plain words why requests were not.

    After `ends`, of the monotonic clock, nothing is sent or read any more.
    """

    ends: float
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


_watch: ContextVar[Watch | None] = ContextVar("alert_http_watch", default=None)


@contextmanager
def watching(seconds: float) -> Iterator[Watch]:
    """Watch the requests that this context makes, for `seconds` at most."""
    HTTPAdapter.send = _send  # type: ignore[method-assign,assignment]
    watch = Watch(time.monotonic() + seconds)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def _send(
    adapter: HTTPAdapter, request: requests.PreparedRequest, *arguments: Any, **options: Any
) -> requests.Response:
    watch = _watch.get()
    if watch is None:
        return _ORIGINAL_SEND(adapter, request, *arguments, **options)
    if time.monotonic() > watch.ends:
        raise requests.Timeout("no time is left")
    try:
        response = _ORIGINAL_SEND(adapter, request, *arguments, **options)
        body = _read(response, watch)
    except requests.RequestException as error:
        watch.failures += _failures(error, options.get("timeout"))
        raise
    headers = {name.lower(): value for name, value in response.headers.items()}
    watch.answers.append(Answer(request.url or "", response.status_code, headers, body))
    # A plugin that is asked to wait would sleep here, while the outbox can do so for it.
    if 300 <= response.status_code < 400 or response.status_code == TOO_MANY_REQUESTS:
        raise requests.RequestException(f"HTTP {response.status_code}")
    return response


def _failures(error: requests.RequestException, timeout: Any) -> Iterator[str]:
    """Why there was no answer, where the reason is known: it names no host, port or path."""
    if isinstance(error, requests.Timeout):
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        seconds = connect if isinstance(error, requests.ConnectTimeout) else read
        yield f"no answer within {seconds:g} s" if seconds else "no answer in time"
        return
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            yield f"the connection failed: {cause.strerror}"
            return
        cause = cause.__cause__ or cause.__context__


def _read(response: requests.Response, watch: Watch) -> bytes:
    """Read the body, and let `response` have it as if it had read it by itself.

    One that is too long or too slow is cut: the status has said how it went.
    """
    body = b""
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > _MOST_READ or time.monotonic() > watch.ends:
            response.close()
            break
    response._content = body
    return body
