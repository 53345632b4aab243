"""What an answer to a report means, and which may be tried again: the one place that decides it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from agent_run_log._entry import Entry

RETRYABLE_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
"""What a server or its gateway answers when another try may succeed (RFC 6585, 8470, 9110)."""

_OF_THE_SENDER = frozenset({401, 403, 404, 405, 407, 421})
"""These speak of the address or the token, not of the report: once that is set right, it is taken."""

_LONGEST_REASON = 1_000
"""Characters of a server's reason that are kept: it names the field and the rule."""


class Verdict(Enum):
    """What an answer means for the report that was sent."""

    ACCEPTED = "accepted"
    """It is recorded."""
    REFUSED = "refused"
    """It will never be recorded as it is."""
    UNAVAILABLE = "unavailable"
    """It may be recorded when it is sent again, soon."""
    UNEXPECTED = "unexpected"
    """It says nothing of the report: the server has a fault, or the address or token is wrong. Keep it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a report that was sent; `retry_after` is in seconds, 0 where no pause is asked for."""

    verdict: Verdict
    reason: str = ""
    retry_after: float = 0.0
    run_id: str | None = None


def answered(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The outcome where the server answered; `headers` are looked up by `Retry-After` and `Run-Id`."""
    if status == 204:
        return Outcome(Verdict.ACCEPTED, run_id=headers.get("Run-Id"))
    reason = f"the server answered {status}"
    if text := _reason(body):
        reason += f": {text}"
    if status in RETRYABLE_STATUSES:
        return Outcome(Verdict.UNAVAILABLE, reason, retry_after(headers.get("Retry-After")))
    if 400 <= status < 500 and status not in _OF_THE_SENDER:
        return Outcome(Verdict.REFUSED, reason)
    return Outcome(Verdict.UNEXPECTED, reason, retry_after(headers.get("Retry-After")))


def unanswered(error: BaseException) -> Outcome:
    """The outcome where no answer came: the connection failed or broke, or took too long."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Outcome(Verdict.UNAVAILABLE, f"the server does not answer: {text}"[:_LONGEST_REASON])


def send_or_leave_out_times(post: Callable[[Entry], Outcome], entry: Entry) -> Outcome:
    """Send a report by `post`, and where the server refuses its times, once more without them.

    The clock of a host that is far off says nothing of a run; the server dates it by its own.
    """
    outcome = post(entry)
    if outcome.verdict is Verdict.REFUSED and any(
        each in outcome.reason for each in ("started_at", "finished_at")
    ):
        return post(entry.without_times())
    return outcome


def retry_after(text: str | None) -> float:
    """The seconds that a Retry-After header asks for, a number or a date (RFC 9110, 10.2.3); 0 else."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if not text:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _reason(body: bytes) -> str:
    """What the server says in its body: FastAPI's `detail`, else nothing."""
    try:
        detail = json.loads(body)["detail"]
        if isinstance(detail, list):
            detail = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # it is no server of ours that answered
    return str(detail)[:_LONGEST_REASON]
