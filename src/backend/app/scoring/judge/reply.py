"""How one call to a judge went."""

from dataclasses import dataclass
from enum import StrEnum

from app.scoring.judge.verdict import Verdict


class Outcome(StrEnum):
    """How a call ended; every one but `JUDGED` is a failure."""

    JUDGED = "judged"
    INVALID = "invalid"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    FORM_REFUSED = "form_refused"
    """The endpoint does not know something that was asked for; the next call goes without it."""


ENDPOINT_TROUBLE = frozenset({Outcome.REFUSED, Outcome.RATE_LIMITED, Outcome.TIMEOUT, Outcome.UNREACHABLE})
"""Outcomes that the next call will most likely have too, since they do not depend on the run."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`verdict` is there when the outcome is `JUDGED`, else `error` says in plain words what went wrong.

    `retry_after` is how many seconds the endpoint wants to be left alone, where it says so.
    """

    outcome: Outcome
    verdict: Verdict | None = None
    error: str = ""
    retry_after: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
