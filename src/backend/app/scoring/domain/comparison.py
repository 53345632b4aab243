"""Whether the scores of some days differ from those of others by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from math import atan, cos, floor, pi, sin, sqrt
from typing import NamedTuple

MOST_CORRELATION = 0.8  # of neighbouring days; beyond it the correction of the variance has no limit

OTHER_SCORER = 0.2
"""The share of runs that may be scored by another scorer than before.

Even one that is a quarter stricter moves the mean by 0.05 then, the least change that matters to trends.
"""

_ROUNDING = 1e-9  # what sums of scores may be off by


class Day(NamedTuple):
    """The scores of one day's runs: their sum, and how many there are."""

    total: float
    runs: int


class Window(NamedTuple):
    """The scores of some days: their mean, its variance by the jackknife, and on what it stands.

    `days` are those with runs. `lagged` is the sum of the products of the deviations of one day and the next,
    `squares` that of their squares.
    """

    mean: float
    variance: float
    runs: int
    days: int
    lagged: float
    squares: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the mean of one window lies above that of another, and how sure that is.

    `freedom` are the degrees of freedom of Student's t, with which `error`, the standard error, is known.
    """

    change: float
    error: float
    freedom: int

    def margin(self, confidence: float) -> float:
        """How far from `change` the true one lies at most, with a `confidence` between 0 and 1."""
        return student_quantile(confidence, self.freedom) * self.error if self.error else 0.0


def window_of(days: Sequence[Day]) -> Window | None:
    """The window of `days`, newest first; None without runs, or with sums that no scores have."""
    known = [day for day in days if day.runs]
    # Other writers of the table may have put any number there; one beyond 0 to 1 makes no mean.
    if not known or any(not 0 <= day.total <= day.runs + _ROUNDING for day in known):
        return None
    runs, total = sum(day.runs for day in known), sum(day.total for day in known)
    mean, m = total / runs, len(known)
    without = [(total - day.total) / (runs - day.runs) for day in known] if m > 1 else []
    variance = (m - 1) / m * sum((each - mean) ** 2 for each in without)
    deviations = [day.total - mean * day.runs for day in days]
    lagged = sum(earlier * later for earlier, later in pairwise(deviations))
    return Window(mean, variance, runs, m, lagged, sum(each * each for each in deviations))


def difference(now: Window, before: Window) -> Difference:
    """How `now` differs from `before`. Both windows have two days with runs at least.

    Runs of one agent resemble each other, and an incident affects many runs of a day: counting each run as an
    independent observation would find changes where there are none. So the day is the unit of observation.

    1. The mean of a window is that of all its runs.
    2. Its variance is that of the jackknife that leaves out one day at a time,
       (m - 1) / m * sum((mean without day k - mean)^2) over m days (Efron and Stein, 1981), which with few
       clusters of unequal size is conservative (MacKinnon, Nielsen and Webb, 2023, as CV3).
    3. It is raised for the correlation of neighbouring days (`_widened`).
    4. The windows are compared by Welch's t with the degrees of freedom of Welch and Satterthwaite, rounded
       down.
    """
    new, old = _widened(now, before)
    variance = new.variance + old.variance
    parts = new.variance**2 / (new.days - 1) + old.variance**2 / (old.days - 1)
    freedom = floor(variance**2 / parts + _ROUNDING) if parts else new.days + old.days - 2
    return Difference(now.mean - before.mean, sqrt(variance), max(freedom, 1))


def mean_margin(window: Window, confidence: float) -> float | None:
    """How far from the mean of `window` the true one lies at most, with a `confidence` between 0 and 1.

    The variance is that of `difference`, with the window's own correlation of neighbouring days. None for one
    day, which does not show how much days differ.
    """
    if window.days < 2:
        return None
    widened, _ = _widened(window, window)
    return student_quantile(confidence, window.days - 1) * sqrt(widened.variance)


def _widened(new: Window, old: Window) -> tuple[Window, Window]:
    """Both with the variance of a mean of days that resemble the day before.

    The correlation of neighbouring days is estimated from both windows; 1 / m is added, by which it comes
    out too low with m days (Marriott and Pope, 1954), and below 0 it is taken for 0. With r^k between days
    that are k apart the variance of the mean is f = 1 + 2 * sum((1 - k / m) * r^k) times that of independent
    days (Bayley and Hammersley, 1946), of which the spread of the days shows but 1 - (f - 1) / (m - 1).
    """
    squares = new.squares + old.squares
    found = (new.lagged + old.lagged) / squares if squares else 0.0

    def widened(window: Window) -> Window:
        m = window.days
        r = min(max(found + 1 / m, 0.0), MOST_CORRELATION)
        f = 1 + 2 * sum((1 - k / m) * r**k for k in range(1, m))
        return window._replace(variance=window.variance * f / (1 - (f - 1) / (m - 1)))

    return widened(new), widened(old)


@lru_cache(maxsize=512)
def student_quantile(confidence: float, freedom: int) -> float:
    """The t within which Student's distribution lies to both sides with probability `confidence`."""
    low, high = 0.0, 1e4
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if _student_within(middle, freedom) < confidence else (low, middle)
    return high


def _student_within(t: float, freedom: int) -> float:
    """The probability that |T| < t (Abramowitz and Stegun, 1964, 26.7.3 and 26.7.4)."""
    angle, odd = atan(t / sqrt(freedom)), freedom % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cos(angle) ** 2 * k / (k + 1)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


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
