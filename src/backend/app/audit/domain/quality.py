"""How an agent's scores go: those of the newest days, against the same days of the week before them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.scoring.domain.comparison import Day

DAY = timedelta(days=1)
PAST_WEEKS = 4
DAYS_READ = 7 * (1 + PAST_WEEKS)
SPAN = DAYS_READ * DAY


@dataclass(frozen=True, slots=True)
class QualityTrend:
    """An agent's scores by days of 24 hours, counted back from one moment: `DAYS_READ`, newest first."""

    days: Sequence[Day]

    def newest(self, count: int) -> Sequence[Day]:
        """The newest `count` days, a week at most."""
        return self.days[:count]

    def before(self, count: int) -> Sequence[Day]:
        """What these are compared with: the same days of the week, in each of the four weeks before.

        So that a weekend is not compared with weekdays.
        """
        return [day for week in range(1, PAST_WEEKS + 1) for day in self.days[7 * week : 7 * week + count]]


class QualityWindow:
    """Keeps the trend as scored runs come in, in the order of their times, up to the newest of them."""

    def __init__(self) -> None:
        self._of_days: list[deque[tuple[datetime, float]]] = [deque() for _ in range(DAYS_READ)]
        self._totals = [0.0] * DAYS_READ

    def add(self, moment: datetime, score: float) -> None:
        """Take in a run's score."""
        self._of_days[0].append((moment, score))
        self._totals[0] += score
        for day, runs in enumerate(self._of_days):
            ends = moment - (day + 1) * DAY
            while runs and runs[0][0] <= ends:
                self._move_on(day)

    def _move_on(self, day: int) -> None:
        """Count the oldest run of a day among those of the day before; that of the last day no longer."""
        run = self._of_days[day].popleft()
        self._totals[day] -= run[1]
        if day + 1 < DAYS_READ:
            self._of_days[day + 1].append(run)
            self._totals[day + 1] += run[1]

    def trend(self) -> QualityTrend | None:
        """None without a score."""
        if not self._of_days[0]:
            return None
        # What is added and taken away again may leave a trace, on the wrong side of 0 too.
        pairs = zip(self._totals, self._of_days, strict=True)
        return QualityTrend([Day(max(total, 0.0) if runs else 0.0, len(runs)) for total, runs in pairs])
