"""When an agent's days end: where that differs, one that is silent shortly before may just be done early."""

from array import array
from statistics import median

from app.audit.cadence import calibration
from app.audit.cadence.calibration import DAY

_WEEK = 7 * DAY


class DayEnds:
    """The last report of each of its newest days, and the first of the day after. Seconds since the epoch.

    Besides, by how much each of them came at another time than is expected.
    """

    __slots__ = ("_early", "_ends", "_late", "_starts")

    def __init__(self) -> None:
        self._ends, self._starts = array("d"), array("d")
        self._early, self._late = array("d"), array("d")

    def add(self, end: float, start: float) -> None:
        """Take in that it was silent from the one to the other, if that is as long as a night."""
        if start - end < calibration.NIGHT:
            return
        before = self._expected(end)
        if before is not None:
            _append(self._early, abs(end - before[0]))
            _append(self._late, abs(start - before[1]))
        _append(self._ends, end)
        _append(self._starts, start)

    def next_day(self, newest: float) -> float | None:
        """By when it comes again, if its day may have ended with the report at `newest`; else None.

        That is so from as long before the expected end on as ends differ, and it may come as much later as
        starts differ: four times the median difference, which of a normal distribution is 2.7 deviations.
        """
        expected = self._expected(newest)
        if expected is None or len(self._early) < calibration.LEAST_GAPS:
            return None
        end, start = expected
        if newest < end - calibration.DAY_SPREAD * median(self._early):
            return None
        return start + calibration.DAY_SPREAD * median(self._late)

    def _expected(self, moment: float) -> tuple[float, float] | None:
        """The end of the day of `moment`, and the start of the next: as a week before, else a day before."""
        for ago in (_WEEK, DAY):
            for end, start in zip(reversed(self._ends), reversed(self._starts), strict=True):
                if abs(moment - ago - end) <= calibration.NIGHT / 2:
                    return end + ago, start + ago
        return None


def _append(newest: "array[float]", value: float) -> None:
    newest.append(value)
    del newest[: -calibration.DAY_ENDS_KEPT]
