"""How an agent's scores go: those of a week, against its own past."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

WEEK = timedelta(days=7)
PAST = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class QualityTrend:
    """Mean scores, from 0 to 1, of the week up to the newest scored run, and of the four weeks before.

    `past_deviation` is the standard deviation of the scores then.
    """

    mean: float
    runs: int
    past_mean: float
    past_deviation: float
    past_runs: int


class QualityWindow:
    """Keeps the trend as scored runs come in, in the order of their times."""

    def __init__(self) -> None:
        self._week: deque[tuple[datetime, float]] = deque()
        self._past: deque[tuple[datetime, float]] = deque()
        self._week_sum = self._past_sum = self._past_squares = 0.0

    def add(self, moment: datetime, score: float) -> None:
        """Take in a run's score."""
        self._week.append((moment, score))
        self._week_sum += score
        while self._week[0][0] <= moment - WEEK:
            then, old = self._week.popleft()
            self._week_sum -= old
            self._past.append((then, old))
            self._past_sum += old
            self._past_squares += old * old
        while self._past and self._past[0][0] <= moment - WEEK - PAST:
            _, old = self._past.popleft()
            self._past_sum -= old
            self._past_squares -= old * old

    def trend(self) -> QualityTrend | None:
        """None while either time has no score."""
        if not self._week or not self._past:
            return None
        mean = self._past_sum / len(self._past)
        variance = max(self._past_squares / len(self._past) - mean * mean, 0.0)
        return QualityTrend(
            self._week_sum / len(self._week), len(self._week), mean, sqrt(variance), len(self._past)
        )
