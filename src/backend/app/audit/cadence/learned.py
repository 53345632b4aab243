"""The cadence that an agent's past reports show, learned report by report."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import NamedTuple, Self

from app.audit.cadence.clock_changes import clock_change
from app.audit.cadence.description import describe
from app.audit.cadence.marks import STEP, Marks, step_of
from app.audit.cadence.outages import Outage, Outages
from app.audit.cadence.rhythm import next_alike, next_by_the_clock, until_fewer
from app.audit.cadence.schedule import LEAST_GRACE

REMEMBERED_DAYS = 37
"""How far back reports matter."""
NEWEST_GAPS = 50
"""How many of the newest gaps matter, however far back they reach."""

_LEAST_GAPS = 5
_LEAST_UNEVEN_GAPS = 10
_LEAST_SPAN = 3_600.0
_HOUR = 3_600.0
_DAY = 86_400.0
_WEEK = 7 * _DAY
_GRACE = LEAST_GRACE.total_seconds()
_LONGEST_OF = 30
_LONGEST_WITHIN = 17 * _DAY
_SURPRISES_KEPT = 35 * _DAY
_SURPRISE_LASTS = 8 * _DAY
_THURSDAY = datetime(2000, 1, 6, 16, tzinfo=UTC).timestamp()
_WEEKEND = 104 * _HOUR
_TO_SATURDAY_NOON = 44 * _HOUR


class Forecast(NamedTuple):
    """When the next report is expected, in seconds since the epoch.

    It has come by `latest` hitherto. From `late` on that is worth a notice; from `deadline` on it is
    overdue.
    """

    latest: float
    late: float
    deadline: float

    @classmethod
    def of(cls, latest: float, margin: float, deadline: float) -> Self:
        """`margin` is what is allowed after `latest`; half of it is, if that is long enough to tell."""
        return cls(latest, deadline - margin / 2 if margin / 2 >= _GRACE else deadline, deadline)

    def not_before(self, moment: float) -> "Forecast":
        """Put off to `moment`, without a notice before."""
        return self if self.deadline >= moment else Forecast(self.latest, moment, moment)


class Cadence:
    """How an agent has reported. Times are seconds since the epoch.

    Kept of it are its newest 51 report times, the longest gaps of late, the five-minute steps of the
    last five weeks in which it reported, and the silences that came as a surprise: when it was overdue
    and came back. Learning a report costs about the same however many came before. Outages are not held
    against it.
    """

    def __init__(self, outages: Outages | None = None) -> None:
        self._outages = Outages() if outages is None else outages
        self.newest = 0.0
        self._first = 0.0
        self._count = 0
        self._times: deque[float] = deque(maxlen=NEWEST_GAPS + 1)
        self._marks = Marks()
        self._surprises: list[Outage] = []
        self._gaps: deque[float] = deque()
        self._sorted: list[float] = []
        self._longest: deque[tuple[int, float, float]] = deque()
        self._forecast: Forecast | None = None
        self._reckoned = True

    @classmethod
    def of(cls, reports: Iterable[datetime], outages: Outages | None = None) -> Self:
        """Learned from reports in order, oldest first."""
        cadence = cls(outages)
        for report in reports:
            cadence.observe(report.timestamp())
        return cadence

    def amid(self, outages: Outages) -> "Cadence":
        """The same, to forecast by when nobody could report at these times. It is not to learn more."""
        if outages is self._outages or outages == self._outages:
            return self
        cadence = copy(self)
        cadence._outages, cadence._reckoned = outages, False
        return cadence

    def observe(self, moment: float) -> None:
        """Learn from a report that came after all others."""
        if not self._count:
            self._first = moment
        elif self._is_surprise(moment):
            self._surprises.append(Outage(self.newest, moment))
        else:
            self._learn_gap(moment - self.newest - self._outages.within(self.newest, moment), moment)
        self._count += 1
        self.newest = moment
        self._times.append(moment)
        self._marks.add(step_of(moment))
        self._reckoned = False

    def _is_surprise(self, moment: float) -> bool:
        if moment - self.newest <= self.typical + _GRACE:
            return False
        forecast = self.forecast()
        return forecast is not None and moment > forecast.deadline

    def _learn_gap(self, gap: float, moment: float) -> None:
        gaps, ordered, longest = self._gaps, self._sorted, self._longest
        if len(gaps) == NEWEST_GAPS:
            del ordered[bisect_left(ordered, gaps.popleft())]
        gaps.append(gap)
        insort(ordered, gap)
        while longest and longest[-1][2] <= gap:
            longest.pop()
        longest.append((self._count, moment, gap))
        while longest[0][0] <= self._count - _LONGEST_OF and longest[0][1] < moment - _LONGEST_WITHIN:
            longest.popleft()

    @property
    def typical(self) -> float:
        """Its shorter gaps: three quarters of the newest are longer. In seconds; 0 without one."""
        ordered = self._sorted
        return ordered[len(ordered) // 4] if ordered else 0.0

    @property
    def patience(self) -> float:
        """For how long, in seconds, it may be silent at any time, whatever else is known."""
        newest = list(islice(reversed(self._times), _LEAST_GAPS + 1))
        shortest = min((later - earlier for later, earlier in pairwise(newest)), default=0.0)
        return max(self.typical, shortest) + _GRACE

    def forecast(self) -> Forecast | None:
        """When its next report is expected; None while it shows no cadence.

        That takes six reports, an hour from the first to the last, and gaps that recur or a clock that
        it keeps to: an agent that is started by hand or by events has no cadence to miss.
        """
        if not self._reckoned:
            self._forecast, self._reckoned = self._reckon(), True
        return self._forecast

    def _reckon(self) -> Forecast | None:
        if len(self._gaps) < _LEAST_GAPS or self.newest - self._first < _LEAST_SPAN:
            return None
        found = [self._by_the_clock(), self._by_its_gaps()]
        soonest = min((each for each in found if each), key=lambda each: each.deadline, default=None)
        if soonest is None:
            return None
        longest_surprise = self._longest_surprise()
        put_off = longest_surprise + max(longest_surprise / 10, _GRACE) if longest_surprise else 0.0
        return soonest.not_before(self.newest + max(self.patience, put_off))

    def _by_its_gaps(self) -> Forecast | None:
        """After the longest gap of late, and a margin that shrinks as more gaps are known."""
        longest, newest = self._longest[0][2], self.newest
        typical = self._sorted[len(self._sorted) // 2]
        even = longest <= typical * 1.5
        if not recur(self._sorted) or not (even or len(self._gaps) >= _LEAST_UNEVEN_GAPS):
            return None
        if newest - self._first < _DAY:
            longest = max(longest, _DAY)
        spread = max(longest - typical, longest * max(0.1, 5 / len(self._gaps)))
        spread = min(spread, longest / 2 if even else longest)
        margin = max(spread, _GRACE, clock_change(newest, newest + longest))
        deadline = self._after_unseen_days(newest + longest + margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            if over + longest + margin <= deadline:
                break
            deadline = over + longest + margin
        return Forecast.of(newest + longest, margin, deadline)

    def _by_the_clock(self) -> Forecast | None:
        """As at this time in the weeks before, if it keeps to the clock."""
        typical, newest = self.typical, self.newest
        rhythm = next_by_the_clock(self._marks, list(self._times), self._first, typical, self._is_unusual)
        if rhythm is None or not self._keeps_to_the_clock(rhythm.jitter):
            return None
        margin = max(_GRACE, rhythm.jitter, rhythm.spread, min((rhythm.latest - newest) / 20, _HOUR / 2))
        margin += clock_change(newest, rhythm.latest)
        deadline = until_fewer(self._marks, newest, rhythm, max(rhythm.latest, newest + typical), margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            anew = max(over + typical, next_alike(self._marks, rhythm, over)) + margin
            if anew <= deadline:
                break
            deadline = anew
        return Forecast.of(rhythm.latest, margin, deadline)

    def _keeps_to_the_clock(self, jitter: float) -> bool:
        """Whether it is not by chance that it comes so near to its times a week before."""
        ordered, typical = self._sorted, self.typical
        if typical >= _HOUR:
            return jitter <= typical / 8
        alike = bisect_right(ordered, typical * 1.25) - bisect_left(ordered, typical * 0.75)
        return jitter <= max(typical / 8, STEP) and alike >= len(ordered) * 0.6

    def _is_unusual(self, start: float, end: float) -> bool:
        return self._outages.touches(start, end) or any(
            start < surprise.end and end > surprise.start for surprise in self._surprises
        )

    def _longest_surprise(self) -> float:
        """What it came back from by itself: the latest of this week, and the longest it did twice."""
        while self._surprises and self._surprises[0].end < self.newest - _SURPRISES_KEPT:
            self._surprises.pop(0)
        lengths = sorted(surprise.end - surprise.start for surprise in self._surprises)
        twice = lengths[-2] if len(lengths) > 1 else 0.0
        if lengths and self._surprises[-1].end > self.newest - _SURPRISE_LASTS:
            return max(twice, self._surprises[-1].end - self._surprises[-1].start)
        return twice

    def _after_unseen_days(self, deadline: float) -> float:
        """`deadline`, put off where it would fall in days of the week of which none has been seen yet.

        The weekend is reckoned for every time zone at once, and may begin on Friday: from Thursday 16:00
        to Tuesday 00:00 UTC.
        """
        weekend = self._first - (self._first - _THURSDAY) % _WEEK
        if self.newest < weekend + _WEEKEND:
            return max(deadline, self._first + _WEEK + _DAY)
        weekend += _WEEK
        if self.newest >= weekend + _TO_SATURDAY_NOON or deadline <= weekend:
            return deadline
        return max(deadline, weekend + _WEEKEND)

    def __str__(self) -> str:
        return describe(self._marks, step_of(self.newest), self._sorted)


def recur(gaps: Sequence[float]) -> bool:
    """Whether three quarters of the gaps have at least a fifth of all (three at least) within 25 % of them.

    `gaps` are sorted. Those of events, being of random length, hardly ever recur; those of a schedule
    do, even when it has several different ones.
    """
    enough = max(3, len(gaps) / 5)
    recurring = sum(bisect_right(gaps, gap * 1.25) - bisect_left(gaps, gap * 0.8) >= enough for gap in gaps)
    return recurring >= len(gaps) * 0.75
