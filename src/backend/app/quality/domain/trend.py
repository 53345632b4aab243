"""Whether the scores of some days differ from those before by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.quality.domain.calibration import LARGEST_MARGIN, LEAST_CHANGE, LEAST_DAYS, LEAST_RUNS
from app.scoring.domain.comparison import Day, Window, difference, window_of

Verdict = Literal["improved", "declined", "no_change", "too_few_runs", "not_comparable"]

VERDICTS_IN_WORDS: Mapping[Verdict, str] = {
    "improved": "improved",
    "declined": "declined",
    "no_change": "no change that matters",
    "too_few_runs": "too few runs",
    "not_comparable": "not comparable",
}
"""How people read each verdict."""

CONFIDENCE = 0.95
"""With which the true change lies in the interval."""

MOST_DAYS = 7
"""How many days a window may have."""


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


def compare(now: Sequence[Day], before: Sequence[Day], *, scorer_changed: bool = False) -> Trend:
    """The trend from the days `before` to those up to `now`, at most `MOST_DAYS` each, newest first.

    1. Estimate the mean of each window and its variance.
    2. Compare nothing where the scorers changed, or where a window has too few runs or days.
    3. Compare the windows (`difference`), with an interval of 95 %.
    """
    new, old = window_of(now), window_of(before)
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
    found = difference(new, old)
    change, margin = found.change, found.margin(CONFIDENCE)
    interval = round(change - margin, 4), round(change + margin, 4)
    return Trend(_verdict(change, margin), *figures, round(change, 4), interval)


def _suffices(window: Window) -> bool:
    return window.runs >= LEAST_RUNS and window.days >= LEAST_DAYS


def _verdict(change: float, margin: float) -> Verdict:
    if abs(change) > margin and abs(change) >= LEAST_CHANGE:
        return "improved" if change > 0 else "declined"
    return "too_few_runs" if margin > LARGEST_MARGIN else "no_change"
