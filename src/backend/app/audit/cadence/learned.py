"""The cadence that an agent's past reports show, learned report by report."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime
from itertools import islice, pairwise
from typing import NamedTuple, Self

from app.audit import calibration
from app.audit.cadence.activity import STEP, ActivityBitmap, step_of
from app.audit.cadence.clock_changes import clock_change
from app.audit.cadence.description import describe
from app.audit.cadence.outages import Outage, Outages
from app.audit.cadence.weekly_pattern import deadline_by_count, next_report, weekly_pattern
from app.audit.calibration import DAY, HOUR

_WEEK = 7 * DAY
_GRACE = calibration.LEAST_GRACE.total_seconds()


class Forecast(NamedTuple):
    """When the next report is expected, in seconds since the epoch.

    So far it has come by `latest`. From `late` on that is worth a notice; from `deadline` on it is overdue.
    """

    latest: float
    late: float
    deadline: float

    @classmethod
    def of(cls, latest: float, margin: float, deadline: float) -> Self:
        """`margin` is what is allowed after `latest`; half of it before a notice, if that is long enough."""
        return cls(latest, deadline - margin / 2 if margin / 2 >= _GRACE else deadline, deadline)

    def not_before(self, moment: float) -> "Forecast":
        """Postponed to `moment`, without a notice before."""
        return self if self.deadline >= moment else Forecast(self.latest, moment, moment)


class Cadence:
    """How an agent has reported. Times are seconds since the epoch.

    Kept of it are its newest 51 report times, the longest gaps of late, the five-minute steps of the
    last five weeks in which it reported, and the recovered gaps: when it was overdue and came back. Learning
    a report costs about the same however many came before. Outages count for no gap.
    """

    def __init__(self, outages: Outages | None = None) -> None:
        self._outages = Outages() if outages is None else outages
        self.newest = 0.0
        self._first = 0.0
        self._count = 0
        self._times: deque[float] = deque(maxlen=calibration.NEWEST_GAPS + 1)
        self._activity = ActivityBitmap()
        self._recovered: list[Outage] = []
        self._gaps: deque[float] = deque()
        self._sorted: list[float] = []
        self._longest: deque[tuple[int, float, float]] = deque()
        self._forecast: Forecast | None = None
        self._is_forecast_current = True

    @classmethod
    def of(cls, reports: Iterable[datetime], outages: Outages | None = None) -> Self:
        """Learned from reports in order, oldest first."""
        cadence = cls(outages)
        for report in reports:
            cadence.observe(report.timestamp())
        return cadence

    def with_outages(self, outages: Outages) -> "Cadence":
        """The same for forecasts, given these outages. It must learn no more."""
        if outages is self._outages or outages == self._outages:
            return self
        cadence = copy(self)
        cadence._outages, cadence._is_forecast_current = outages, False
        return cadence

    def observe(self, moment: float) -> None:
        """Learn from a report that came after all others."""
        if not self._count:
            self._first = moment
        elif self._is_recovery(moment):
            self._recovered.append(Outage(self.newest, moment))
        else:
            self._learn_gap(moment - self.newest - self._outages.within(self.newest, moment), moment)
        self._count += 1
        self.newest = moment
        self._times.append(moment)
        self._activity.add(step_of(moment))
        self._is_forecast_current = False

    def _is_recovery(self, moment: float) -> bool:
        if moment - self.newest <= self.typical + _GRACE:
            return False
        forecast = self.forecast()
        return forecast is not None and moment > forecast.deadline

    def _learn_gap(self, gap: float, moment: float) -> None:
        gaps, ordered, longest = self._gaps, self._sorted, self._longest
        if len(gaps) == calibration.NEWEST_GAPS:
            del ordered[bisect_left(ordered, gaps.popleft())]
        gaps.append(gap)
        insort(ordered, gap)
        while longest and longest[-1][2] <= gap:
            longest.pop()
        longest.append((self._count, moment, gap))
        last_count, last_moment = self._count - calibration.LONGEST_OF, moment - calibration.LONGEST_WITHIN
        while longest[0][0] <= last_count and longest[0][1] < last_moment:
            longest.popleft()

    @property
    def typical(self) -> float:
        """Its shorter gaps: three quarters of the newest are longer. In seconds; 0 without one."""
        ordered = self._sorted
        return ordered[len(ordered) // 4] if ordered else 0.0

    @property
    def least_wait(self) -> float:
        """For how long, in seconds, it may be silent at any time, whatever else is known of it."""
        newest = list(islice(reversed(self._times), calibration.LEAST_GAPS + 1))
        shortest = min((later - earlier for later, earlier in pairwise(newest)), default=0.0)
        return max(self.typical, shortest) + _GRACE

    def forecast(self) -> Forecast | None:
        """When its next report is expected; None while it shows no cadence.

        That takes six reports, an hour from the first to the last, and gaps that recur or a clock that
        it keeps to: an agent that is started by hand or by events has no cadence to miss.
        """
        if not self._is_forecast_current:
            self._forecast, self._is_forecast_current = self._compute(), True
        return self._forecast

    def _compute(self) -> Forecast | None:
        """The forecast from what is known.

        1. Forecast by the clock, and by the gaps, where the agent shows either.
        2. Take the one with the sooner deadline.
        3. Postpone it to what the agent may be silent at any time, and to the gaps it came back from.
        """
        if len(self._gaps) < calibration.LEAST_GAPS or self.newest - self._first < calibration.LEAST_SPAN:
            return None
        found = [self._by_the_clock(), self._by_its_gaps()]
        soonest = min((each for each in found if each), key=lambda each: each.deadline, default=None)
        if soonest is None:
            return None
        gap = self._longest_recovered()
        after_recovery = gap + max(gap * calibration.RECOVERED_MARGIN, _GRACE) if gap else 0.0
        return soonest.not_before(self.newest + max(self.least_wait, after_recovery))

    def _by_its_gaps(self) -> Forecast | None:
        """After the longest gap of late, and a margin that shrinks as more gaps are known."""
        longest, newest = self._longest[0][2], self.newest
        typical = self._sorted[len(self._sorted) // 2]
        even = longest <= typical * calibration.EVEN
        if not recur(self._sorted) or not (even or len(self._gaps) >= calibration.LEAST_UNEVEN_GAPS):
            return None
        if newest - self._first < DAY:
            longest = max(longest, DAY)
        share = max(calibration.GAP_MARGIN, calibration.GAP_MARGIN_OF_FEW / len(self._gaps))
        spread = min(max(longest - typical, longest * share), longest / 2 if even else longest)
        margin = max(spread, _GRACE, clock_change(newest, newest + longest))
        deadline = self._after_unseen_days(newest + longest + margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            if over + longest + margin <= deadline:
                break
            deadline = over + longest + margin
        return Forecast.of(newest + longest, margin, deadline)

    def _by_the_clock(self) -> Forecast | None:
        """As at this time in the weeks before, if it keeps to the clock."""
        typical, newest, activity = self.typical, self.newest, self._activity
        pattern = weekly_pattern(activity, list(self._times), self._first, typical, self._is_excluded)
        if pattern is None or not self._keeps_to_the_clock(pattern.jitter):
            return None
        of_wait = min((pattern.latest - newest) * calibration.WAIT_MARGIN, calibration.MOST_WAIT_MARGIN)
        margin = max(_GRACE, pattern.jitter, pattern.spread, of_wait)
        margin += clock_change(newest, pattern.latest)
        deadline = deadline_by_count(activity, newest, pattern, max(pattern.latest, newest + typical), margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            after_outage = max(over + typical, next_report(activity, pattern, over)) + margin
            if after_outage <= deadline:
                break
            deadline = after_outage
        return Forecast.of(pattern.latest, margin, deadline)

    def _keeps_to_the_clock(self, jitter: float) -> bool:
        """Whether it is not by chance that it comes so near to its times a week before."""
        ordered, typical, within = self._sorted, self.typical, calibration.RECURRING_WITHIN
        most = typical * calibration.JITTER
        if typical >= HOUR:
            return jitter <= most
        equal = bisect_right(ordered, typical * (1 + within)) - bisect_left(ordered, typical * (1 - within))
        return jitter <= max(most, STEP) and equal >= len(ordered) * calibration.EQUAL_GAPS

    def _is_excluded(self, start: float, end: float) -> bool:
        """Whether from `start` to `end` there was an outage or a recovered gap."""
        return self._outages.touches(start, end) or any(
            start < gap.end and end > gap.start for gap in self._recovered
        )

    def _longest_recovered(self) -> float:
        """The recovered gap that postpones deadlines: the latest of 8 days, or the longest it had twice."""
        while self._recovered and self._recovered[0].end < self.newest - calibration.RECOVERED_KEPT:
            self._recovered.pop(0)
        lengths = sorted(gap.end - gap.start for gap in self._recovered)
        twice = lengths[-2] if len(lengths) > 1 else 0.0
        if lengths and self._recovered[-1].end > self.newest - calibration.RECOVERED_LASTS:
            return max(twice, self._recovered[-1].end - self._recovered[-1].start)
        return twice

    def _after_unseen_days(self, deadline: float) -> float:
        """`deadline`, postponed where it would fall in days of the week of which none has been seen yet.

        The weekend is that of every time zone at once, and may begin on Friday: from Thursday 16:00 to
        Tuesday 00:00 UTC.
        """
        weekend = self._first - (self._first - calibration.THURSDAY) % _WEEK
        if self.newest < weekend + calibration.WEEKEND:
            return max(deadline, self._first + _WEEK + DAY)
        weekend += _WEEK
        if self.newest >= weekend + calibration.SATURDAY_NOON or deadline <= weekend:
            return deadline
        return max(deadline, weekend + calibration.WEEKEND)

    def __str__(self) -> str:
        return describe(self._activity, step_of(self.newest), self._sorted)


def recur(gaps: Sequence[float]) -> bool:
    """Whether three quarters of the gaps have at least a fifth of all (three at least) within 25 % of them.

    `gaps` are sorted. Those of events, being of random length, hardly ever recur; those of a schedule
    do, even when it has several different ones.
    """
    most = 1 + calibration.RECURRING_WITHIN
    enough = max(3, len(gaps) * calibration.RECURRING_SHARE)
    recurring = sum(bisect_right(gaps, gap * most) - bisect_left(gaps, gap / most) >= enough for gap in gaps)
    return recurring >= len(gaps) * calibration.RECURRING_OF_ALL
