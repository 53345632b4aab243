"""The cadence that an agent's past reports show, learned report by report."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, Self

from app.audit.cadence import calibration
from app.audit.cadence.activity import STEP, ActivityBitmap, step_of
from app.audit.cadence.calibration import DAY, HOUR
from app.audit.cadence.clock_changes import clock_change
from app.audit.cadence.day_ends import DayEnds
from app.audit.cadence.description import describe
from app.audit.cadence.extremes import Extremes
from app.audit.cadence.newcomers import may_be_away
from app.audit.cadence.outages import Outages
from app.audit.cadence.recovered import Recovered
from app.audit.cadence.weekly_pattern import (
    WeeklyPattern,
    deadline_by_count,
    next_report,
    usual_wait,
    weekly_pattern,
)
from app.kit.text import in_words

_WEEK = 7 * DAY
_A_RUN = 4 * HOUR  # known for less, an agent may have shown one of several runs in a week
_GRACE = calibration.LEAST_GRACE.total_seconds()


class Forecast(NamedTuple):
    """When the next report is expected, in seconds since the epoch.

    So far it has come by `latest`. From `late` on that is worth a notice; from `deadline` on it is overdue.
    """

    latest: float
    late: float
    deadline: float

    @classmethod
    def of(cls, latest: float, notice: float, deadline: float) -> Self:
        """With a notice so many seconds before the deadline, if that is long enough."""
        return cls(latest, deadline - notice if notice >= _GRACE else deadline, deadline)

    def not_before(self, moment: float) -> "Forecast":
        """Postponed to `moment`, without a notice before."""
        return self if self.deadline >= moment else Forecast(self.latest, moment, moment)


class Cadence:
    """How an agent has reported. Times are seconds since the epoch.

    Kept of it are its newest 51 report times, the longest gaps of late, the five-minute steps of the
    last five weeks in which it reported, how much later than by the clock it came, and the recovered gaps:
    when it was overdue and came back. Learning a report costs about the same however many came before.
    Outages count for no gap. Reports that come together are one occasion: the first of them counts.
    """

    def __init__(self, outages: Outages | None = None) -> None:
        self._outages = Outages() if outages is None else outages
        self.newest = 0.0
        self._begun = 0.0
        self._first = 0.0
        self._count = 0
        self._latest: deque[float] = deque(maxlen=calibration.PREFILTER_DEPTH)
        self._together = 1
        self._missed: float | None = None
        self._times: deque[float] = deque(maxlen=calibration.NEWEST_GAPS + 1)
        self._activity = ActivityBitmap()
        self._recovered = Recovered()
        self._gaps: deque[float] = deque()
        self._sorted: list[float] = []
        self._sum = 0.0
        self._longest: deque[tuple[int, float, float]] = deque()
        self._extremes = Extremes()
        self._late_by_clock = Extremes(calibration.LATE_TAIL, calibration.LATE_DOUBTFUL)
        self._day_ends = DayEnds()
        self._clock: WeeklyPattern | None = None
        self._recurs = False
        self._forecast: Forecast | None = None
        self._words: str | None = None
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
        elif self._is_same_occasion(moment):
            self._come_together(moment)
            return
        elif self._is_recovery(moment):
            self._missed = (moment - self._begun) / max(self.typical, 1.0)
        else:
            self._missed = None
            lost = self._outages.within(self._begun, moment)
            self._learn_gap(moment - self._begun - lost, moment)
            if not lost:
                self._extremes.add(moment - self._begun, moment)
        if self._count:
            self._day_ends.add(self._begun, moment)
        self._together = 1
        self._count += 1
        self.newest = self._begun = moment
        self._latest.append(moment)
        self._times.append(moment)
        self._activity.add(step_of(moment))
        self._is_forecast_current = False
        self._words = None

    def _is_same_occasion(self, moment: float) -> bool:
        """Whether it comes as soon after the one before as two of one occasion do."""
        after, gaps = moment - self._latest[-1], self._gaps
        return after <= STEP and after * len(gaps) <= self._sum * calibration.SAME_OCCASION and bool(gaps)

    def _come_together(self, moment: float) -> None:
        """Take in another report of the newest occasion. Many at once after a gap were kept meanwhile."""
        self.newest = moment
        self._latest.append(moment)
        self._together += 1
        self._is_forecast_current = False
        self._words = None
        missed = self._missed
        if missed is not None and self._together >= max(calibration.LEAST_FLUSHED, missed / 2):
            self._recovered.drop_newest()
            self._missed = None

    def _is_recovery(self, moment: float) -> bool:
        if moment - self.newest <= self.typical + _GRACE:
            return False
        forecast = self.forecast()
        if forecast is not None and moment > forecast.deadline:
            is_possible = self._learn_possible(moment, forecast.deadline)
            self._recovered.add(self._begun, moment, is_usual=is_possible)
            return True
        if self._sorted and not self._outages.touches(self._begun, moment):
            self._learn_lateness(moment)
        return False

    def _learn_possible(self, moment: float, deadline: float) -> bool:
        """Learn how long a recovered gap was, where its tail was only taken for too short; tell whether.

        That is if it exceeds the typical gap by three times as much at most as it was allowed to.
        """
        expected = self._begun + self.typical
        is_possible = moment - expected <= calibration.LONGEST_TIMES * (deadline - expected)
        if not is_possible or self._outages.touches(self._begun, moment):
            return False
        self._extremes.add(moment - self._begun, moment)
        if self._clock:
            self._learn_lateness(moment)
        return True

    def _learn_lateness(self, moment: float) -> None:
        """How much later it came than by the clock; where that did not tell, than in most weeks before."""
        expected = (
            self._clock.middle
            if self._clock
            else usual_wait(self._activity, self._begun, self.typical, self._is_excluded)
        )
        if expected is not None and moment > expected:
            self._late_by_clock.add(moment - expected + calibration.LATE_SCALE, moment)

    def _learn_gap(self, gap: float, moment: float) -> None:
        gaps, ordered, longest = self._gaps, self._sorted, self._longest
        if len(gaps) == calibration.NEWEST_GAPS:
            oldest = gaps.popleft()
            self._sum -= oldest
            del ordered[bisect_left(ordered, oldest)]
        gaps.append(gap)
        self._sum += gap
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
    def longest_gap(self) -> float:
        """The longest of the newest 30 gaps and of 17 days, in seconds; 0 without one."""
        return self._longest[0][2] if self._longest else 0.0

    @property
    def least_wait(self) -> float:
        """For how long, in seconds, it may be silent at any time, whatever else is known of it."""
        return max(self.typical, shortest_gap(self._latest)) + _GRACE

    def forecast(self) -> Forecast | None:
        """When its next report is expected; None while too little is known.

        That takes six reports, an hour at least from the first to the last. An agent whose gaps do not recur
        and that keeps to no clock is started by hand or by events: it is only expected to come some day.
        """
        if not self._is_forecast_current:
            self._forecast, self._is_forecast_current = self._compute(), True
        return self._forecast

    @property
    def has_cadence(self) -> bool:
        """Whether it reports by the clock or at gaps that recur."""
        return self.forecast() is not None and self._recurs

    def _compute(self) -> Forecast | None:
        """The forecast from what is known.

        1. Forecast by the clock, and by the gaps, where the agent shows either.
        2. Take the one with the sooner deadline; without any, the last resort.
        3. Postpone it to what the agent may be silent at any time, and to the gaps it came back from.
        """
        self._clock, self._recurs = None, False
        if len(self._gaps) < calibration.LEAST_GAPS or self.newest - self._first < calibration.LEAST_SPAN:
            return None
        found = [self._by_the_clock(), self._by_its_gaps()]
        soonest = min((each for each in found if each), key=lambda each: each.deadline, default=None)
        self._recurs = soonest is not None
        soonest = soonest or self._at_last()
        allowance = self._recovered.allowance(self.newest)
        away = may_be_away(self.newest - self._first)
        return soonest.not_before(self.newest + max(self.least_wait, allowance, self.typical + away))

    def _at_last(self) -> Forecast:
        """When an agent that shows no cadence has gone for good: silent for far longer than ever of late.

        That is the gap that comes once in years by those seen, three times the longest at most. One that is
        known for days only may be silent for as long as it is known, and until it is known for a week.
        """
        longest, newest = self._extremes.longest, self.newest
        known = newest - self._first
        wait = min(self._extremes.level(calibration.OVERDUE_ONCE_IN), calibration.LONGEST_TIMES * longest)
        if known < calibration.LAST_RESORT_KNOWN:
            wait = max(wait, known, calibration.LAST_RESORT_KNOWN - known)
        deadline = self._after_unseen_days(newest + wait)
        while over := self._outages.over(newest, deadline):
            if over + wait <= deadline:
                break
            deadline = over + wait
        return Forecast(deadline, deadline, deadline)

    def _by_its_gaps(self) -> Forecast | None:
        """After the longest gap of late, and a margin that shrinks as more gaps are known.

        Where the longest gaps recur, as nights and weekends do, they tell the next; else the tail of the gaps
        does.
        """
        longest, newest = self._longest[0][2], self._begun
        typical = self._sorted[len(self._sorted) // 2]
        even = longest <= typical * calibration.EVEN
        if not recur(self._sorted) or not (even or len(self._gaps) >= calibration.LEAST_UNEVEN_GAPS):
            return None
        if newest - self._first < DAY:
            longest = max(longest, DAY)
        recurring = self._extremes.recur(typical)
        share = max(calibration.GAP_MARGIN, calibration.GAP_MARGIN_OF_FEW / len(self._gaps))
        spread = min(max(longest - typical, longest * share), longest / 2 if even or recurring else longest)
        margin = max(spread, _GRACE, clock_change(newest, newest + longest))
        late = margin / 2
        if not recurring:
            above = typical - calibration.LATE_SCALE if even else 0.0
            most = calibration.LONGEST_TIMES * max(longest, self._extremes.longest)
            rare = self._extremes.level(calibration.OVERDUE_ONCE_IN, above)
            margin = max(margin, min(rare, most) - longest)
            late = max(late, min(self._extremes.level(calibration.LATE_ONCE_IN, above), most) - longest)
        deadline = self._after_unseen_days(newest + longest + margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            if over + longest + margin <= deadline:
                break
            deadline = over + longest + margin
        return Forecast.of(newest + longest, margin - late, deadline)

    def _by_the_clock(self) -> Forecast | None:
        """As at this time in the weeks before, if it keeps to the clock."""
        typical, newest, activity = self.typical, self._begun, self._activity
        pattern = weekly_pattern(activity, list(self._times), self._first, typical, self._is_excluded)
        if pattern and (next_day := self._day_ends.next_day(newest)):
            pattern = pattern.not_before(next_day)
        self._clock = pattern
        if pattern is None or not self._keeps_to_the_clock(pattern.jitter):
            return None
        if self._late_by_clock.exceed(max(calibration.NIGHT, typical), calibration.DAYS_END_EARLY):
            return None
        of_wait = min((pattern.latest - newest) * calibration.WAIT_MARGIN, calibration.MOST_WAIT_MARGIN)
        margin = max(_GRACE, pattern.jitter, pattern.spread, of_wait)
        late = max(margin / 2, self._allowed_by_clock(pattern, calibration.LATE_ONCE_IN))
        margin = max(margin, self._allowed_by_clock(pattern, calibration.OVERDUE_ONCE_IN))
        margin += clock_change(newest, pattern.latest)
        deadline = deadline_by_count(activity, newest, pattern, max(pattern.latest, newest + typical), margin)
        while over := self._outages.over(newest + typical / 2, deadline):
            after_outage = max(over + typical, next_report(activity, pattern, over)) + margin
            if after_outage <= deadline:
                break
            deadline = after_outage
        return Forecast.of(pattern.latest, margin - late, deadline)

    def _allowed_by_clock(self, pattern: WeeklyPattern, once_in: float) -> float:
        """How long after the latest time it comes once in so long.

        By how much later it came than mostly, by the clock; and not sooner than its gaps allow.
        """
        late = self._late_by_clock
        most = max(self.typical, calibration.LONGEST_TIMES * late.longest)
        level = late.level(once_in) if len(late) >= calibration.LEAST_GAPS else 0.0
        by_clock = min(level, most) - calibration.LATE_SCALE
        return pattern.middle + max(by_clock, self._excess(once_in)) - pattern.latest

    def _excess(self, once_in: float) -> float:
        """By how much gaps exceed their median once in so long; 0 where they are rests, as the clock says."""
        gaps, middle, extremes = self._sorted, self._sorted[len(self._sorted) // 2], self._extremes
        uneven = gaps[len(gaps) * 9 // 10] > middle * calibration.EVEN
        uneven = uneven or extremes.exceed(middle * calibration.EVEN, calibration.TAIL)
        if (uneven and extremes.end_alike()) or extremes.recur(middle):
            return 0.0
        level = extremes.level(once_in, middle - calibration.LATE_SCALE)
        most = max(self.typical, calibration.LONGEST_TIMES * (extremes.longest - middle))
        return min(level - middle, most)

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
        return self._outages.touches(start, end) or self._recovered.touches(start, end)

    def _after_unseen_days(self, deadline: float) -> float:
        """`deadline`, postponed where it would fall in days of the week of which none has been seen yet.

        The weekend is that of every time zone at once, and may begin on Friday: from Thursday 16:00 to
        Tuesday 00:00 UTC.
        """
        weekend = self._first - (self._first - calibration.THURSDAY) % _WEEK
        if self.newest < max(weekend + calibration.WEEKEND, self._first + _A_RUN):
            return max(deadline, self._first + _WEEK + DAY)
        weekend += _WEEK
        if self.newest >= weekend + calibration.SUNDAY_NOON or deadline <= weekend:
            return deadline
        return max(deadline, weekend + calibration.WEEKEND)

    def __str__(self) -> str:
        if self._words is None:
            self._words = self._described()
        return self._words

    def _described(self) -> str:
        if not self.has_cadence and self._gaps:
            apart = in_words(timedelta(seconds=round(self._extremes.longest)))
            return f"at no set times, at most {apart} apart of late"
        return describe(self._activity, step_of(self.newest), self._sorted)


def shortest_gap(times: Sequence[float]) -> float:
    """The shortest gap between the newest six of these, in any order of time; 0 without one."""
    newest = sorted(times)[-calibration.PREFILTER_DEPTH :]
    return min((later - earlier for earlier, later in pairwise(newest)), default=0.0)


def recur(gaps: Sequence[float]) -> bool:
    """Whether three quarters of the gaps have at least a fifth of all (three at least) within 25 % of them.

    `gaps` are sorted. Those of events, being of random length, hardly ever recur; those of a schedule
    do, even when it has several different ones.
    """
    most = 1 + calibration.RECURRING_WITHIN
    enough = max(3, len(gaps) * calibration.RECURRING_SHARE)
    recurring = sum(bisect_right(gaps, gap * most) - bisect_left(gaps, gap / most) >= enough for gap in gaps)
    return recurring >= len(gaps) * calibration.RECURRING_OF_ALL
