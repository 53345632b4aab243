"""What an agent's runs take, where they report it: how much is usual, and from where on it is not."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp, log, sqrt
from typing import NamedTuple, Protocol, Self

from app.audit import calibration
from app.kit.text import dollars, seconds_in_words
from app.runs.usage import Usage

NO_USAGE = Usage()

IN_WORDS: Mapping[str, Callable[[float], str]] = {
    "seconds": seconds_in_words,
    "cost_usd": dollars,
    "tokens": "{:,.0f}".format,
}
"""How an amount of each field of `Usage` is said."""


class UsingRun(Protocol):
    """What usage is learned from."""

    @property
    def created_at(self) -> datetime:
        """When it was reported."""

    @property
    def usage(self) -> Usage:
        """What it took, as it reports."""


class UsedRun(NamedTuple):
    """That a run, reported at `created_at`, took so much."""

    created_at: datetime
    usage: Usage


class PastUsage:
    """What an agent's newest runs took, those that report any of it: `HABIT_DEPTH` of them at most."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: deque[UsedRun] = deque(maxlen=calibration.HABIT_DEPTH)

    @classmethod
    def of(cls, runs: Iterable[UsingRun]) -> Self:
        """Learned from runs in order, oldest first."""
        past = cls()
        for run in runs:
            past.observe(run)
        return past

    def observe(self, run: UsingRun) -> None:
        """Learn a run."""
        if run.usage is not NO_USAGE and run.usage != NO_USAGE:
            self._runs.append(UsedRun(run.created_at, run.usage))

    def __iter__(self) -> Iterator[UsedRun]:
        """Newest first."""
        return reversed(self._runs)


@dataclass(frozen=True, slots=True)
class Usual:
    """How much of something an agent's runs take: their median, the `most` of any, and the usual `limit`."""

    median: float
    most: float
    limit: float

    @classmethod
    def of(cls, amounts: Sequence[float], span: float) -> Self | None:
        """As `rare`, where the limit is exceeded as seldom as what a run took may be called unusual."""
        return cls.rare(amounts, span, calibration.USAGE_ONCE_IN, calibration.USAGE_FACTOR)

    @classmethod
    def rare(cls, amounts: Sequence[float], span: float, once_in: float, factor: float) -> Self | None:
        """Of positive amounts, in any order, that came in so many seconds; None of fewer than `LEAST_USAGE`.

        The limit is exceeded by chance once in so many seconds, and is at least so many times the most.

        Amounts have tails of very different weight, which their logarithms tell: in the mean, those of the
        upper half exceed the median by the tail index of a Pareto distribution (Hill, 1975), which is known
        to a standard error of index / sqrt(n). What came at most in a time is then exceeded by the factor
        (T / time) ** index once in a longer time T. Of lighter tails a share of the index suffices
        (`_share_of_index`).
        """
        known = len(amounts)
        if known < calibration.LEAST_USAGE:
            return None
        largest_first = sorted(map(log, amounts), reverse=True)
        half = known // 2
        excess = _mean_excess(largest_first, half)
        index = excess * (1 + 1 / sqrt(half))
        if excess:
            tenth = known // 10
            proportion = _mean_excess(largest_first, tenth) / excess
            index *= _share_of_index(proportion * (1 + 2 / sqrt(tenth)))
        index = min(index, calibration.MOST_TAIL_INDEX)
        longer = max(once_in / max(span, calibration.HOUR), 1.0)
        most = exp(largest_first[0])
        return cls(exp(largest_first[half]), most, most * max(longer**index, factor))


def _mean_excess(largest_first: Sequence[float], count: int) -> float:
    """By how much the first `count` exceed the one after them, in the mean."""
    return sum(largest_first[:count]) / count - largest_first[count]


def _share_of_index(proportion: float) -> float:
    """How much of the tail index to reckon with, by the `proportion` of two mean excesses.

    These are the upper tenth's, with two standard errors more, and the upper half's. Linear from nothing,
    where the largest are all alike, to what a log-normal distribution takes, and from there to all of it of a
    Pareto distribution.
    """
    light, heavy = calibration.USAGE_LIGHT_TAIL, calibration.USAGE_HEAVY_TAIL
    share = calibration.USAGE_LIGHT_SHARE
    if proportion <= light:
        return share * proportion / light
    return share + (1 - share) * min((proportion - light) / (heavy - light), 1.0)


class Amount(NamedTuple):
    """How much of something a run took that was reported at `created_at`."""

    created_at: datetime
    amount: float


def exceeded(taken: Iterable[Amount], *, is_open: bool = False) -> Usual | None:
    """What is usual, where the first of `taken`, newest first, exceeds its limit; None where it does not.

    While a finding of that `is_open`, the runs right before may belong to the same episode, unless it has
    lasted for so many that it is usual by now.
    """
    known: list[Amount] = []
    for each in taken:
        known.append(each)
        # Nearly always a run right before shows that it is not: the others need not be looked at.
        if not is_open and len(known) > 1 and known[0].amount <= calibration.USAGE_FACTOR * each.amount:
            return None
    amounts = [each.amount for each in known]
    longest = calibration.USAGE_EPISODE if is_open else 1
    for length in range(1, min(longest, len(known) - 1) + 1):
        least, past = min(amounts[:length]), amounts[length:]
        if least > calibration.USAGE_FACTOR * max(past):
            usual = Usual.of(past, (known[length].created_at - known[-1].created_at).total_seconds())
            if usual and least > usual.limit:
                return usual
    return None
