"""Runs that have started and are not over: how long each may take, by how long the agent's runs took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit import calibration
from app.audit.cadence import Outages
from app.audit.cadence.calibration import EXTREMES_WITHIN, LEAST_GAPS, LEAST_GRACE
from app.audit.domain.usage import Amount, Usual


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run that started and was not recorded: at `began_at` by its own clock, or when the signal came."""

    run_key: str | None
    began_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run may take, the `limit`; and what is `usual`, None where too few runs are known."""

    limit: timedelta
    usual: Usual | None


@dataclass(frozen=True, slots=True)
class RunUnderWay:
    """A run that is under way, and takes longer than usual from `long_from` on."""

    start: RunStart
    length: Length
    long_from: datetime


def usual_length(durations: Sequence[Amount], unknown: timedelta, grace: timedelta | None) -> Length:
    """How long a run may take, by those that are known, newest first; by `unknown` while hardly any are.

    1. Of many, it is what is exceeded once in years, by the tail of their lengths. Some of the longest count
       only where these are no longer than the others let expect: a run that hung is not to hide the next.
    2. Of fewer, it is many times the longest, but for one that was as much longer than the others.
    3. It is never less than a few minutes, nor than the declared `grace`.
    """
    amounts = sorted((max(each.amount, 1.0) for each in durations), reverse=True)
    usual = _usual(amounts, durations)
    limit = unknown if usual is None else timedelta(seconds=min(usual.limit, EXTREMES_WITHIN))
    return Length(max(limit, LEAST_GRACE, grace or timedelta()), usual)


def _usual(longest_first: Sequence[float], durations: Sequence[Amount]) -> Usual | None:
    known = len(longest_first)
    if known < LEAST_GAPS:
        return None
    if known < calibration.LEAST_USAGE:
        most, next_longest = longest_first[:2]
        if most > calibration.RUNNING_FACTOR_OF_FEW * next_longest:
            most = next_longest
        return Usual(longest_first[known // 2], most, most * calibration.RUNNING_FACTOR_OF_FEW)
    span = (durations[0].created_at - durations[-1].created_at).total_seconds()
    outliers = -(-known // calibration.RUNS_OF_OUTLIER)
    apart = _rare(longest_first[outliers:], span)
    if apart is None:
        return _rare(longest_first, span)
    return _rare([each for each in longest_first if each <= apart.limit], span)


def _rare(amounts: Sequence[float], span: float) -> Usual | None:
    return Usual.rare(amounts, span, calibration.RUNNING_ONCE_IN, calibration.RUNNING_FACTOR)


def run_under_way(
    starts: Sequence[RunStart],
    length: Length,
    *,
    now: datetime,
    newest_report: datetime | None,
    watching_since: datetime | None,
    unreachable: Outages,
) -> RunUnderWay | None:
    """The run that has been under way for longest, of those that started.

    1. What passed while the agent was paused does not count.
    2. A run that takes longer than usual is left out where it may have ended in an `unreachable` time: its
       report may come much later.
    3. So is one after which the agent goes on: it has reported since the run took longer than usual, and this
       could be seen for a while.
    """
    for start in sorted(starts, key=lambda each: each.began_at):
        since = max(start.began_at, watching_since or start.began_at)
        long_from = since + length.limit
        if now >= long_from and unreachable.touches(start.received_at.timestamp(), long_from.timestamp()):
            continue
        seen_by = max(long_from + calibration.RUNNING_SEEN, start.received_at)
        if newest_report is None or newest_report <= seen_by:
            return RunUnderWay(start, length, long_from)
    return None
