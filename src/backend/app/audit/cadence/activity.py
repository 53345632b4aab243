"""At which times of the last five weeks an agent reported, to five minutes: one bit each."""

STEP = 300
"""Seconds of a step."""
AN_HOUR = 3_600 // STEP
A_DAY = 24 * AN_HOUR
A_WEEK = 7 * A_DAY
_KEPT = 5 * A_WEEK + A_DAY


def step_of(moment: float) -> int:
    """The step in which `moment`, in seconds since the epoch, lies."""
    return int(moment // STEP)


class ActivityBitmap:
    """The steps in which there were reports. What is older than five weeks is dropped in time."""

    __slots__ = ("_bits", "_first")

    def __init__(self) -> None:
        self._bits = 0
        self._first = 0

    def add(self, step: int) -> None:
        """Set the bit of `step`. A step before the first known one is left out."""
        if not self._bits:
            self._first = step
        place = step - self._first
        if place > _KEPT + A_WEEK:
            self._bits >>= place - _KEPT
            self._first += place - _KEPT
            place = _KEPT
        if place >= 0:
            self._bits |= 1 << place

    @property
    def newest(self) -> int:
        """The last step with a report."""
        return self._first + self._bits.bit_length() - 1

    def first_from(self, step: int) -> int | None:
        """The first step with a report that is not before `step`."""
        place = max(step - self._first, 0)
        rest = self._bits >> place
        return self._first + place + (rest & -rest).bit_length() - 1 if rest else None

    def nearest(self, step: int, tolerance: int) -> int | None:
        """The step with a report nearest to `step`, at most `tolerance` steps from it."""
        low = max(step - tolerance - self._first, 0)
        high = step + tolerance + 1 - self._first
        if high <= low:
            return None
        near = (self._bits >> low) & ((1 << (high - low)) - 1)
        middle = step - self._first - low
        after, before = near >> max(middle, 0), near & ((1 << max(middle, 0)) - 1)
        ahead = (after & -after).bit_length() - 1 - min(middle, 0) if after else tolerance + 1
        behind = middle - before.bit_length() + 1 if before else tolerance + 1
        if min(ahead, behind) > tolerance:
            return None
        return step + ahead if ahead <= behind else step - behind

    def count(self, start: int, end: int) -> int:
        """How many steps from `start` until before `end` have a report."""
        low, high = max(start - self._first, 0), end - self._first
        return ((self._bits >> low) & ((1 << (high - low)) - 1)).bit_count() if high > low else 0

    def has_new_times(self, step: int, tolerance: int) -> bool:
        """Whether in the week up to `step` there was a report at a time with none near it a week before."""
        low = step + 1 - A_WEEK - self._first
        if low < A_WEEK + tolerance:
            return False
        week = (self._bits >> low) & ((1 << A_WEEK) - 1)
        before = (self._bits >> (low - A_WEEK - tolerance)) & ((1 << (A_WEEK + 2 * tolerance)) - 1)
        near = 0
        for shift in range(2 * tolerance + 1):
            near |= before >> shift
        return bool(week & ~near)
