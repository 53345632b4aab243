"""Whether the scores of some days differ from those before by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from math import floor, sqrt
from typing import Literal, NamedTuple

from app.quality.domain.calibration import (
    LARGEST_MARGIN,
    LEAST_CHANGE,
    LEAST_DAYS,
    LEAST_RUNS,
    MOST_CORRELATION,
    OTHER_SCORER,
)

Verdict = Literal["improved", "declined", "no_change", "too_few_runs", "not_comparable"]

VERDICTS_IN_WORDS: Mapping[Verdict, str] = {
    "improved": "improved",
    "declined": "declined",
    "no_change": "no change that matters",
    "too_few_runs": "too few runs",
    "not_comparable": "not comparable",
}
"""How people read each verdict."""

# The 97.5 % quantile of Student's t for 1 to 12 degrees of freedom, as many as two weeks of days have (of any
# table, such as Abramowitz and Stegun, 1964, 26.10).
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)
MOST_DAYS = len(_STUDENT) // 2 + 1
"""Days that a window may have, for which the quantiles reach."""

_ROUNDING = 1e-9  # what sums of scores may be off by


class Day(NamedTuple):
    """The scores of one day's runs: their sum, and how many there are."""

    total: float
    runs: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The mean score of some days and of as many before, 0 to 1, to four decimals.

    `interval` is where the true change lies with a confidence of 95 %. It is None, like `change`, where
    nothing is compared.
    """

    verdict: Verdict
    mean: float | None
    runs: int
    previous_mean: float | None
    previous_runs: int
    change: float | None = None
    interval: tuple[float, float] | None = None
    scorer_changed: bool = False


class _Estimate(NamedTuple):
    """A mean, its variance by the jackknife, the number of days, and how neighbouring days correlate.

    `lagged` is the sum of the products of the deviations of one day and the next, `squares` that of their
    squares.
    """

    mean: float
    variance: float
    runs: int
    days: int
    lagged: float
    squares: float


def compare(now: Sequence[Day], before: Sequence[Day], *, scorer_changed: bool = False) -> Trend:
    """The trend from the days `before` to those up to `now`, at most `MOST_DAYS` each, newest first.

    Runs of one agent resemble each other, and an incident affects many runs of a day: counting each run as an
    independent observation would find changes where there are none. So the day is the unit of observation.

    1. The mean of a window is that of all its runs.
    2. Its variance is that of the jackknife that leaves out one day at a time,
       (m - 1) / m * sum((mean without day k - mean)^2) over m days (Efron and Stein, 1981), which with few
       clusters of unequal size is conservative (MacKinnon, Nielsen and Webb, 2023, as CV3).
    3. It is raised for the correlation of neighbouring days (`_widened`).
    4. Nothing is compared where the scorers changed, or where a window has too few runs or days.
    5. The windows are compared by Welch's t with the degrees of freedom of Welch and Satterthwaite, rounded
       down.
    """
    new, old = _estimate(now), _estimate(before)
    figures = (
        round(new.mean, 4) if new else None,
        new.runs if new else 0,
        round(old.mean, 4) if old else None,
        old.runs if old else 0,
    )
    if scorer_changed:
        return Trend("not_comparable", *figures, scorer_changed=True)
    if new is None or old is None or not _suffices(new) or not _suffices(old):
        return Trend("too_few_runs", *figures)
    change, margin = new.mean - old.mean, _margin(*_widened(new, old))
    interval = round(change - margin, 4), round(change + margin, 4)
    return Trend(_verdict(change, margin), *figures, round(change, 4), interval)


def _estimate(window: Sequence[Day]) -> _Estimate | None:
    days = [day for day in window if day.runs]
    # Other writers of the table may have put any number there; one beyond 0 to 1 makes no mean.
    if not days or any(not 0 <= day.total <= day.runs + _ROUNDING for day in days):
        return None
    runs, total = sum(day.runs for day in days), sum(day.total for day in days)
    mean, m = total / runs, len(days)
    without = [(total - day.total) / (runs - day.runs) for day in days] if m > 1 else []
    variance = (m - 1) / m * sum((each - mean) ** 2 for each in without)
    deviations = [day.total - mean * day.runs for day in window]
    lagged = sum(earlier * later for earlier, later in pairwise(deviations))
    return _Estimate(mean, variance, runs, m, lagged, sum(each * each for each in deviations))


def _widened(new: _Estimate, old: _Estimate) -> tuple[_Estimate, _Estimate]:
    """Both with the variance of a mean of days that resemble the day before.

    The correlation of neighbouring days is estimated from both windows; 1 / m is added, by which it comes
    out too low with m days (Marriott and Pope, 1954), and below 0 it is taken for 0. With r^k between days
    that are k apart the variance of the mean is f = 1 + 2 * sum((1 - k / m) * r^k) times that of independent
    days (Bayley and Hammersley, 1946), of which the spread of the days shows but 1 - (f - 1) / (m - 1).
    """
    squares = new.squares + old.squares
    found = (new.lagged + old.lagged) / squares if squares else 0.0

    def widened(estimate: _Estimate) -> _Estimate:
        m = estimate.days
        r = min(max(found + 1 / m, 0.0), MOST_CORRELATION)
        f = 1 + 2 * sum((1 - k / m) * r**k for k in range(1, m))
        return estimate._replace(variance=estimate.variance * f / (1 - (f - 1) / (m - 1)))

    return widened(new), widened(old)


def _suffices(window: _Estimate) -> bool:
    return window.runs >= LEAST_RUNS and window.days >= LEAST_DAYS


def _margin(new: _Estimate, old: _Estimate) -> float:
    variance = new.variance + old.variance
    if not variance:
        return 0.0
    parts = new.variance**2 / (new.days - 1) + old.variance**2 / (old.days - 1)
    freedom = floor(variance**2 / parts + _ROUNDING) if parts else len(_STUDENT)
    return _STUDENT[min(max(freedom, 1), len(_STUDENT)) - 1] * sqrt(variance)


def _verdict(change: float, margin: float) -> Verdict:
    if abs(change) > margin and abs(change) >= LEAST_CHANGE:
        return "improved" if change > 0 else "declined"
    return "too_few_runs" if margin > LARGEST_MARGIN else "no_change"


def is_other_scorer(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    """Whether more than `OTHER_SCORER` of the runs are scored by others than before.

    Each window's runs are counted by their scorer. The distance between the two is half the sum of the
    differences of the shares (total variation). A window without runs has nothing to differ from.
    """
    runs, past = sum(now.values()), sum(before.values())
    if not runs or not past:
        return False
    names = set(chain(now, before))
    distance = sum(abs(now.get(name, 0) / runs - before.get(name, 0) / past) for name in names) / 2
    return distance > OTHER_SCORER
