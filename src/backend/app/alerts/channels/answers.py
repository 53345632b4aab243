"""What a receiver's answer over HTTP means for a message."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from app.alerts.channels.channel import DeliveryError
from app.kit.text import printable, shortened

# Statuses that say nothing of the message: the same one is taken later.
_PASSING = frozenset({408, 425, 429})
_LONGEST_REASON = 150  # characters of a receiver's own words


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request to `url`. `headers` has names in lower case; `body` may be cut."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def error(self, scrub: Callable[[str], str]) -> DeliveryError | None:
        """Why the message was not taken; None where it was. `scrub` takes secrets out of what others said.

        Success is an answer of 2xx whose body, where it is JSON of a known form, reports no failure.
        """
        retry_after = self._retry_after()
        if 300 <= self.status < 400:
            return DeliveryError(
                f"HTTP {self.status}, a redirect to {self._target(scrub)}, which is not followed: "
                "set the channel's URL to where it leads"
            )
        if 200 <= self.status < 300:
            said = self._failure()
            text = f"HTTP {self.status}, but it says {scrub(said or '')}"
            return DeliveryError(text, rejected=True) if said else None
        rejected = 400 <= self.status < 500 and self.status not in _PASSING
        text = f"HTTP {self.status}"
        if said := self._failure():
            text += f": {scrub(said)}"
        if retry_after is not None:
            text += f", to be tried again after {retry_after:g} s"
        return DeliveryError(text, rejected=rejected, retry_after=retry_after)

    def _target(self, scrub: Callable[[str], str]) -> str:
        """The host of the redirect's target: its path and query may hold secrets."""
        try:
            here, there = urlsplit(self.url), urlsplit(urljoin(self.url, self.headers.get("location", "")))
            host, port = there.hostname or "", there.port
        except ValueError:
            return "a URL that cannot be read"
        if "location" not in self.headers:
            return "nowhere"
        if (there.hostname, there.scheme) == (here.hostname, here.scheme):
            return "another path of the same host" if port == here.port else f"port {port} of the same host"
        if there.hostname == here.hostname:
            return f"{printable(there.scheme)} on the same host"
        return shortened(scrub(printable(host if port is None else f"{host}:{port}")), _LONGEST_REASON)

    def _retry_after(self) -> float | None:
        """Seconds to wait, by the header or as chats say it in JSON; None where nothing is said."""
        if self.status not in {429, 503}:
            return None
        found = [_seconds(self.headers.get("retry-after"))]
        said = self._json()
        inner = said.get("parameters")
        found += [
            _number(said.get("retry_after")),  # Discord, in seconds
            _number(inner.get("retry_after")) if isinstance(inner, dict) else None,  # Telegram, in seconds
        ]
        if (milliseconds := _number(said.get("retry_after_ms"))) is not None:  # Matrix
            found.append(milliseconds / 1000)
        return max((each for each in found if each is not None), default=None)

    def _failure(self) -> str | None:
        """What a body that reports a failure says of it."""
        said = self._json()
        failed = (
            said.get("ok") is False  # Slack, Telegram
            or said.get("success") is False
            or said.get("errcode") not in (None, 0, "0")  # WeCom, DingTalk; Matrix, which answers 4xx with it
            or str(said.get("status")).lower() in {"error", "fail", "failed", "failure"}
        )
        if failed or (said and self.status >= 400):
            reasons = (said.get(name) for name in ("error", "description", "errmsg", "message", "detail"))
            texts = [printable(each) for each in reasons if isinstance(each, str) and each.strip()]
            return (
                (shortened(texts[0], _LONGEST_REASON) if texts else "that it failed")
                if failed or texts
                else None
            )
        # Connectors of Microsoft Teams answer 200 to what they could not pass on, in these words.
        text = printable(self.body[:1000].decode("utf-8", "replace"))
        return shortened(text, _LONGEST_REASON) if "delivery failed with error" in text else None

    def _json(self) -> dict[str, Any]:
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}


def _seconds(header: str | None) -> float | None:
    """`Retry-After`, seconds or a date, in seconds from now."""
    if header is None:
        return None
    if (number := _number(header)) is not None:
        return number
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, round((moment - datetime.now(UTC)).total_seconds()))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
