"""The largest of what was seen of late, and what is to be expected once in a long time."""

from bisect import insort
from collections.abc import Sequence
from math import log, sqrt
from typing import NamedTuple

from app.audit.cadence import calibration


class _Seen(NamedTuple):
    value: float
    number: int
    moment: float


class Extremes:
    """The largest of values that come one by one: those of `EXTREMES_WITHIN`, and of the newest fifty.

    Values are positive; moments are seconds since the epoch, in order. The `tail` is the share of the values
    that tell of larger ones. Of the very largest so many are `doubtful`: how large they are is not believed.
    The tail is taken for heavier than it seems by so many standard `errors`.
    """

    __slots__ = ("_count", "_doubtful", "_errors", "_first", "_kept", "_newest", "_oldest", "_tail")

    def __init__(self, tail: float = 0.25, doubtful: int = 0, errors: float = 0.0) -> None:
        self._tail = tail
        self._errors = errors
        self._doubtful = doubtful
        self._kept: list[_Seen] = []  # in ascending order
        self._count = 0
        self._first = self._newest = self._oldest = 0.0

    def add(self, value: float, moment: float) -> None:
        """Take in a value."""
        if not self._count:
            self._first = self._oldest = moment
        self._count += 1
        self._newest = moment
        kept = self._kept
        if self._oldest < moment - calibration.EXTREMES_WITHIN:
            self._drop_old()
        if len(kept) < calibration.EXTREMES_KEPT:
            insort(kept, _Seen(value, self._count, moment))
        elif value > kept[0].value:
            del kept[0]
            insort(kept, _Seen(value, self._count, moment))

    def _drop_old(self) -> None:
        since, last = self._newest - calibration.EXTREMES_WITHIN, self._count - calibration.NEWEST_GAPS
        self._kept[:] = [seen for seen in self._kept if seen.moment >= since or seen.number > last]
        self._oldest = min((seen.moment for seen in self._kept), default=self._newest)

    def __len__(self) -> int:
        return self._count

    @property
    def span(self) -> float:
        """Seconds from the first value to the newest."""
        return self._newest - self._first

    @property
    def longest(self) -> float:
        """The largest that is not doubtful; 0 without any."""
        return self._kept[-1 - self._doubtful].value if len(self._kept) > self._doubtful else 0.0

    def recur(self, middle: float) -> bool:
        """Whether the largest are alike, three at least, and apart from the others: as weekends are.

        The others are about `middle`. Rests end at about the same time of the day, and what is lost now and
        then does not.
        """
        most = 1 + calibration.RECURRING_WITHIN
        longest = self.longest
        alike = [seen for seen in self._kept if seen.value * most >= longest]
        others = [middle, *(seen.value for seen in self._kept[: len(self._kept) - len(alike)])]
        is_apart = len(alike) >= calibration.LARGEST_ALIKE and max(others) * most <= alike[0].value
        return is_apart and _at_one_hour([seen.moment for seen in alike])

    def end_alike(self) -> bool:
        """Whether most of the largest sixteen ended at about the same time of the day, as rests do."""
        moments = [seen.moment for seen in self._kept[-calibration.TAIL :]]
        return bool(moments) and _at_one_hour(moments)

    def exceed(self, value: float, times: int) -> bool:
        """Whether so many of them do, `EXTREMES_KEPT` at most."""
        return len(self._kept) >= times and self._kept[-times].value > value

    def level(self, period: float, above: float = 0.0) -> float:
        """What is exceeded once in `period` seconds, if the values go on as they were; `longest` at least.

        Where values vary about a middle, the tail is of what they are `above` it.
        The return level of a distribution with a heavy tail: the quantile estimator of Weissman (1978) with
        the tail index of Hill (1975), over the largest sixteen, or the `tail` of fewer values. Those that are
        doubtful are taken for as large as the one below them, as censored values are. While values are few,
        the tail index is drawn to `TAIL_INDEX`. The standard error of Hill's estimate from n values is the
        estimate by the root of n.
        """
        within = max(self._newest - max(self._first, self._oldest), calibration.HOUR)
        among = min(self._count, max(len(self._kept), calibration.NEWEST_GAPS))
        number = min(calibration.TAIL, len(self._kept), max(calibration.LEAST_GAPS, int(among * self._tail)))
        if number <= self._doubtful:
            return 0.0
        longest = self.longest
        tail = [max(min(seen.value, longest) - above, 1.0) for seen in self._kept[-number:]]
        excess = sum(log(value / tail[0]) for value in tail)
        index = min(
            (excess + calibration.TAIL_INDEX) / (number - self._doubtful), calibration.MOST_TAIL_INDEX
        )
        index *= 1 + self._errors / sqrt(number)
        level: float = tail[0] * max(number * period / within, 1.0) ** index
        return max(level + above, longest)


def _at_one_hour(moments: Sequence[float]) -> bool:
    """Whether most of these are at about the same time of the day as the newest of them."""
    day, newest = calibration.DAY, max(moments)
    apart = sorted(min((newest - moment) % day, (moment - newest) % day) for moment in moments)
    return apart[len(apart) // 2] <= calibration.RESTS_END_WITHIN
