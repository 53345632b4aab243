"""Send one run to the server, again and again for a while where it cannot take it now."""

import json
import random
import ssl
import sys
import time
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from uuid import uuid4

from app.cli.http_post import Answer, post_json
from app.environment import read_token, read_url
from app.errors import RunLogError
from app.kit.backoff import Backoff
from app.kit.strict_json import dumps_exactly
from app.kit.text import counted

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN_ID_HEADER = "Run-Id"

RETRY_SECONDS = 30.0
"""How long a run is tried again: `runlog up` is back from a restart in half of that."""

# In seconds, as the specified client has it.
_TIMEOUT = 10.0
# Many agents that were refused together must not come back together.
_BACKOFF = Backoff.exponential(timedelta(seconds=0.25), timedelta(seconds=4), spread=(0.5, 1.5))
# What a server or a gateway before it answers when another try may succeed (RFC 9110, 15; RFC 6585, 4).
_NOT_NOW = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class _NotNowError(RunLogError):
    """The server could not take the run now; it asks to be left alone for `pause` seconds."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


def send_run(agent: str, status: str, actions: dict[str, Any], key: str | None = None) -> str | None:
    """Have the server record one run, once however often it has to be sent; return its id.

    `key` is its Idempotency-Key, one of its own unless given. The id is None where the server says none.
    Raises `RunLogError` saying why it was not recorded: at once where the server refuses it, after
    `RETRY_SECONDS` where it cannot be reached or is not available.
    """
    try:
        run = dumps_exactly({"agent_id": agent, "status": status, "actions_taken": actions}).encode()
    except UnicodeEncodeError as error:
        raise RunLogError("the agent's name is not valid UTF-8") from error
    headers = {"Idempotency-Key": key or uuid4().hex}
    start = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            return _try(run, headers)
        except _NotNowError as error:
            pause = max(error.pause, _BACKOFF.delay(tries, random.random()).total_seconds())  # noqa: S311
            if time.monotonic() - start + pause > RETRY_SECONDS:
                raise RunLogError(f"{error} (gave up after {counted(tries, 'attempt')})") from error
            if tries == 1 and sys.stderr and sys.stderr.isatty():
                print(f"runlog: trying again for {RETRY_SECONDS:g} s: {error}", file=sys.stderr)
        time.sleep(pause)


def _try(run: bytes, headers: dict[str, str]) -> str | None:
    """Send a run once. Raises `_NotNowError` where another try may succeed, else `RunLogError`."""
    base = read_url().rstrip("/")  # each time: a server that was started again may have another port
    if token := read_token():
        headers = {**headers, "Authorization": f"Bearer {token}"}
    try:
        answer = post_json(base + ENDPOINT, run, _TIMEOUT, headers)
    except (ValueError, ssl.SSLCertVerificationError) as error:
        raise RunLogError(f"{base} cannot be used: {error}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "is it running? Start it with `runlog up`"
        raise _NotNowError(f"{base} does not answer: {reason}; {hint}") from error
    if answer.status == HTTPStatus.NO_CONTENT:
        return answer.headers.get(RUN_ID_HEADER)
    refusal = f"{base} answered {answer.status}: {_reason(answer)}"
    if answer.status in _NOT_NOW:
        raise _NotNowError(refusal, _retry_after(answer))
    raise RunLogError(refusal)


def _retry_after(answer: Answer) -> float:
    """The seconds of its Retry-After header (RFC 9110, 10.2.3); 0 for a date, which no server here sends."""
    text = answer.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _reason(answer: Answer) -> str:
    try:
        detail = json.loads(answer.body)["detail"]
        if isinstance(detail, list):
            return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    except (ValueError, KeyError, TypeError):
        return answer.reason  # it is not our server that answered
    return str(detail)
