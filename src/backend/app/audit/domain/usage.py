"""What an agent's runs take, where they report it: how much is usual, and from where on it is not."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import erfc, exp, log, pi, sqrt
from typing import NamedTuple, Protocol, Self

from app.audit import calibration
from app.audit.cadence.calibration import HOUR, MOST_TAIL_INDEX
from app.kit.text import dollars, seconds_in_words
from app.runs.usage import Usage

NO_USAGE = Usage()
_CERTAIN = 50.0  # natural logarithm of the odds beyond which they make no difference
_CLOSE = 1e-4  # share by which a quantile may be off

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

        Amounts have tails of very different weight, which their logarithms tell. The upper half of them is
        looked at, taken for heavier than it seems by one standard error; and the upper tenth, by two: where
        runs have work of several sizes, it is the largest size that matters. The lower limit of the two
        (`_excess_once_in`) counts.
        """
        known = len(amounts)
        if known < calibration.LEAST_USAGE:
            return None
        largest_first = sorted(map(log, amounts), reverse=True)
        longer = max(once_in / max(span, HOUR), 1.0)
        half, tenth = known // 2, known // 10
        limit = min(
            largest_first[count] + _excess_once_in(longer * count, largest_first, count, errors)
            for count, errors in ((half, 1), (tenth, 2))
        )
        most = exp(largest_first[0])
        return cls(exp(largest_first[half]), most, most * max(exp(limit - largest_first[0]), factor))


def _excess_once_in(times: float, largest_first: Sequence[float], count: int, errors: float) -> float:
    """By how much one in so many exceeds the value after the first `count`, as these do.

    1. Excesses of logarithms are exponential where amounts have the tail of a Pareto distribution, and half
       of a normal distribution where they are log-normal; each is fitted, by its mean and its mean square
       (maximum likelihood).
    2. How likely each of the two is, if none is preferred, follows from their likelihoods (Bayes).
    3. The excess is the quantile of both, so weighted, with scales larger by so many standard `errors`, a
       share of 1 / sqrt(count) each.
    """
    excesses = [each - largest_first[count] for each in largest_first[:count]]
    mean = sum(excesses) / count
    if not mean:
        return 0.0
    deviation = sqrt(sum(each * each for each in excesses) / count)
    in_favour = count * (log(mean) + 1 - log(deviation * sqrt(pi / 2)) - 0.5)
    heavy = 1 / (1 + exp(min(max(in_favour, -_CERTAIN), _CERTAIN)))
    larger = 1 + errors / sqrt(count)
    mean = min(mean * larger, MOST_TAIL_INDEX)
    deviation = min(deviation * larger, sqrt(2) * MOST_TAIL_INDEX)
    low, high = 0.0, (mean + deviation) * (log(times) + 1)
    while high - low > _CLOSE * high:
        middle = (low + high) / 2
        exceeded_by = heavy * exp(-middle / mean) + (1 - heavy) * erfc(middle / deviation / sqrt(2))
        low, high = (middle, high) if exceeded_by * times > 1 else (low, middle)
    return high


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
