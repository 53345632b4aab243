"""The gaps that an agent came back from though it was overdue: they postpone its next deadlines."""

from app.audit.cadence import calibration
from app.audit.cadence.outages import Outage

_GRACE = calibration.LEAST_GRACE.total_seconds()


class Recovered:
    """Such gaps, the newest last. Times are seconds since the epoch."""

    __slots__ = ("_gaps", "_usual")

    def __init__(self) -> None:
        self._gaps: list[Outage] = []
        self._usual: set[Outage] = set()

    def add(self, start: float, end: float, *, is_usual: bool = False) -> None:
        """Take in a gap, later than all others. One that `is_usual` was only a little longer than allowed.

        Shorter than a night, it counts for as long as one that happened twice.
        """
        self._gaps = [gap for gap in self._gaps if gap.end >= end - calibration.RECOVERED_KEPT]
        self._usual.intersection_update(self._gaps)
        self._gaps.append(Outage(start, end))
        if is_usual and end - start < calibration.NIGHT:
            self._usual.add(self._gaps[-1])

    def drop_newest(self) -> None:
        """Forget the newest: the agent ran meanwhile, as reports show that came at once afterwards."""
        self._usual.difference_update(self._gaps[-1:])
        del self._gaps[-1:]

    def touches(self, start: float, end: float) -> bool:
        """Whether one lies, in part at least, between `start` and `end`."""
        gaps = self._gaps
        if not gaps or end <= gaps[0].start or start >= gaps[-1].end:
            return False
        return any(start < gap.end and end > gap.start for gap in gaps)

    def allowance(self, newest: float) -> float:
        """How long a wait may be after the report at `newest`, in seconds; 0 where there is nothing to allow.

        As long as the latest gap of 8 days, or as one of 5 weeks that is usual, or that it had twice, or the
        longest of three, since such an agent goes away by habit; and half as long again, a day more at most.
        """
        known = [gap for gap in self._gaps if gap.end >= newest - calibration.RECOVERED_KEPT]
        lengths = sorted(gap.end - gap.start for gap in known)
        longest = max((gap.end - gap.start for gap in known if gap in self._usual), default=0.0)
        if len(lengths) > 1:
            longest = max(longest, lengths[-1 if len(lengths) >= calibration.RECOVERED_BY_HABIT else -2])
        if known and known[-1].end > newest - calibration.RECOVERED_LASTS:
            longest = max(longest, known[-1].end - known[-1].start)
        margin = min(longest * calibration.RECOVERED_MARGIN, calibration.DAY)
        return longest + max(margin, _GRACE) if longest else 0.0
