"""The endpoint that judges: any that speaks OpenAI's chat completions."""

import asyncio
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx
import msgspec

from app.kit.text import printable
from app.kit.urls import scrub
from app.scoring.endpoint.completion import FORMS, read_completion, request
from app.scoring.endpoint.settings import JudgeSettings
from app.scoring.judge.prompt import Prompt
from app.scoring.judge.reply import Outcome, Reply

_PATH = "/chat/completions"
_MAX_BODY = 512 * 1024  # bytes of an answer; a verdict has less than 2,000 tokens
_LONGEST_ERROR = 300  # characters that are kept
_FORM_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_PROCESS_KEY = secrets.token_bytes(32)


class Judge:
    """A configured endpoint. It learns what form of request the endpoint takes, and is used by one loop."""

    def __init__(self, settings: JudgeSettings) -> None:
        key = settings.api_key
        self.model = settings.model
        self.fence_key = key.encode() or _PROCESS_KEY
        """Known to this product and the endpoint alone, so that agents cannot predict a fence."""
        self._url = _completions_url(settings.url)
        self._secrets = (key, self._url.password)
        self._timeout = settings.timeout
        self._form, self._accepted = 0, False
        self._client = httpx.AsyncClient(
            # What leaves goes to this URL and nowhere else.
            follow_redirects=False,
            timeout=self._timeout,
            headers={"user-agent": "agent-run-log"} | ({"authorization": f"Bearer {key}"} if key else {}),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def ask(self, prompt: Prompt) -> Reply:
        """One call. Every failure is a reply, never an exception."""
        started, form = time.monotonic(), self._form
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._call(prompt, form)
        except (TimeoutError, httpx.TimeoutException):
            reply = Reply(Outcome.TIMEOUT, error=f"no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reply = Reply(Outcome.UNREACHABLE, error=str(error) or type(error).__name__)
        said = printable(scrub(reply.error, *self._secrets))[:_LONGEST_ERROR]
        return replace(reply, error=said, seconds=round(time.monotonic() - started, 3))

    async def _call(self, prompt: Prompt, form: int) -> Reply:
        body = request(self.model, prompt, form)
        async with self._client.stream("POST", self._url, json=body) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_BODY:
                    return Reply(Outcome.INVALID, error=f"the answer is longer than {_MAX_BODY // 1024} KiB")
        if response.is_success:
            self._accepted = True
            return read_completion(bytes(content))
        return self._refused(response, bytes(content), form)

    def _refused(self, response: httpx.Response, content: bytes, form: int) -> Reply:
        status = response.status_code
        error = f"HTTP {status} {_reason(content)}".strip()
        untried = form < self._form or (form + 1 < len(FORMS) and not self._accepted)
        if status in _FORM_REFUSED and untried:
            self._form = max(self._form, form + 1)
            return Reply(Outcome.FORM_REFUSED, error=error)
        if not self._accepted:
            self._form = 0  # it was not the form
        limited = status == HTTPStatus.TOO_MANY_REQUESTS
        return Reply(
            Outcome.RATE_LIMITED if limited else Outcome.REFUSED,
            error=error,
            retry_after=_retry_after(response.headers.get("retry-after", "")),
        )


def _completions_url(base: str) -> httpx.URL:
    url = httpx.URL(base)
    path = url.path.rstrip("/")
    return url.copy_with(path=path if path.endswith(_PATH) else path + _PATH)


def _reason(content: bytes) -> str:
    """What the endpoint says is wrong, in OpenAI's form, else the beginning of what it says."""
    try:
        said = msgspec.json.decode(content)["error"]
        return str(said["message"] if isinstance(said, dict) else said)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, LookupError, TypeError):
        return content[:_LONGEST_ERROR].decode(errors="replace")


def _retry_after(text: str) -> float | None:
    """Seconds, given as such or as a date (RFC 9110, 10.2.3)."""
    try:
        return float(text) if text.strip().isdecimal() else _seconds_until(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds_until(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
