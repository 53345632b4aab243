"""Scorers' results of a run: which one counts, how it is shown, and when a failure is tried again."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.kit.backoff import Backoff
from app.kit.secrets import redact
from app.kit.text import printable
from app.scoring.rubric.model import Score

JUDGE, REWARD, RUBRIC = "judge", "reward", "rubric"
WORKER_LOST = "a worker ended while it scored this run"
"""The error of an attempt that has begun, until it ends in another way."""

MAX_ATTEMPTS = 4  # the first one and a retry after each of the delays

_RANKS = {JUDGE: 2, REWARD: 1, RUBRIC: 0}
_RETRIES = Backoff((timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)), spread=(0.8, 1.2))
_LONGEST_ERROR = 500  # characters that are kept


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one version of a scorer: `auto` and every dimension in 0..1, or an `error`.

    `attempts` is the number of this attempt; `retry_at` is when a failure is tried again, None when it
    is given up.
    """

    scorer: str
    version: str
    scored_at: datetime
    auto: float | None = None
    dimensions: Mapping[str, float] | None = None
    reasons: Sequence[str] | None = None
    error: str | None = None
    attempts: int = 1
    retry_at: datetime | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """The scorer and its version: a run has one result of each."""
        return self.scorer, self.version


def succeeded(scorer: str, version: str, score: Score, at: datetime) -> Result:
    """The result of a scorer that gave `score`."""
    return Result(scorer, version, at, score.auto, dict(score.dimensions), list(score.reasons))


def failed(scorer: str, version: str, error: str, at: datetime) -> Result:
    """The failure of a scorer. `error` is any text; its first 500 characters, masked, are kept."""
    return Result(scorer, version, at, error=redact(printable(error))[:_LONGEST_ERROR])


def with_attempts(result: Result, run_id: UUID, before: Result | None) -> Result:
    """A failure with the number of its attempt and the time of the next one; any other result as it is."""
    if result.error is None:
        return result
    attempts = before.attempts if before is not None and before.error is not None else 0
    if before is None or before.error != WORKER_LOST or result.error == WORKER_LOST:
        attempts += 1  # else it was counted when it began
    return replace(result, attempts=attempts, retry_at=_retry_at(run_id, attempts, result.scored_at))


def _retry_at(run_id: UUID, attempts: int, now: datetime) -> datetime | None:
    """After growing delays, a fifth more or less, so that what failed together is not tried together."""
    if attempts >= MAX_ATTEMPTS:
        return None
    chance = run_id.int % 997 / 996
    return now + _RETRIES.delay(attempts, chance)


def current(results: Iterable[Result], versions: Mapping[str, str]) -> Result | None:
    """Which of a run's results counts; None before there is one of the rubric.

    A judge's score where there is one, else the promoted reward model's, else the rubric's; of several
    versions the one in `versions` (those in use, by scorer), else the latest. Where there is no score, it
    is the rubric's failure: every run is scored by the rubric.
    """

    def weight(result: Result) -> tuple[int, bool, datetime]:
        return _RANKS[result.scorer], versions.get(result.scorer) == result.version, result.scored_at

    known = [result for result in results if result.scorer in _RANKS]
    scored = [
        result
        for result in known
        if result.error is None and (result.scorer != REWARD or versions.get(REWARD) == result.version)
    ]
    failures = [result for result in known if result.scorer == RUBRIC]
    return max(scored or failures, key=weight, default=None)


def to_json(result: Result, human: Mapping[str, Any] | None) -> dict[str, Any]:
    """`rlhf_scores` of a run whose current result this is; `human` sums up its ratings, if it has any."""
    if result.error is None:
        shown = {
            "overall": result.auto,
            "auto": result.auto,
            "scorer": result.scorer,
            "version": result.version,
            "dimensions": result.dimensions,
            "reasons": result.reasons,
            "scored_at": _moment(result.scored_at),
        }
    else:
        shown = {"overall": None, "error": result.error, "attempts": result.attempts}
        if result.retry_at is not None:
            shown["retry_at"] = _moment(result.retry_at)
    return with_human(shown, human) if human else shown


def shown_result(scores: Any) -> Result | None:
    """The result of which `scores`, what a run shows, was made by `to_json`: exactly that result.

    None for a failure, and for what another program wrote that is no such result.
    """
    match scores:
        case {
            "scorer": str(scorer),
            "version": str(version),
            "auto": int() | float() as auto,
            "dimensions": dict() | None as dimensions,
            "reasons": list() | None as reasons,
            "scored_at": str(moment),
        } if scorer in _RANKS and not isinstance(auto, bool):
            with suppress(ValueError):
                return Result(scorer, version, datetime.fromisoformat(moment), auto, dimensions, reasons)
    return None


def needs_row(result: Result, shown: Result | None) -> bool:
    """Whether a result is kept beside the run that shows `shown`: all but that one itself.

    A judge's is kept in any case, for its calls are counted there.
    """
    return shown is None or result.kind != shown.kind or result.scorer == JUDGE


def with_human(scores: Mapping[str, Any], human: Mapping[str, Any]) -> dict[str, Any]:
    """`overall` is the mean human rating where there is one."""
    return {**scores, "overall": human["rating"], "human": human}


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
