"""How often an agent has nothing to say, learned run by run."""

from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Self

from app.audit import calibration


class SilenceHabit:
    """Which of an agent's newest runs said nothing. Learning one costs the same however many came before."""

    __slots__ = ("_count", "_flags", "_silent", "_streaks", "streak")

    def __init__(self) -> None:
        self._flags: deque[bool] = deque(maxlen=calibration.SILENCE_DEPTH)
        self._count = self._silent = 0
        self._streaks: deque[tuple[int, int]] = deque()
        self.streak = 0
        """How many runs in a row up to the newest said nothing."""

    @classmethod
    def of(cls, flags: Iterable[bool]) -> Self:
        """Learned from runs in order, oldest first, of each whether it said nothing."""
        habit = cls()
        for silent in flags:
            habit.observe(silent)
        return habit

    def observe(self, silent: bool) -> None:
        """Learn a run."""
        flags = self._flags
        if len(flags) == flags.maxlen:
            self._silent -= flags[0]
        flags.append(silent)
        self._silent += silent
        self._count += 1
        if silent:
            self.streak += 1
        elif self.streak:
            self._streaks.append((self._count, self.streak))
            self.streak = 0
        while self._streaks and self._streaks[0][0] <= self._count - len(flags):
            self._streaks.popleft()

    def is_unusual(self) -> bool:
        """Whether so many silent runs in a row as there are now are none of its habits.

        It has said something before: either always, five times at least, or so often that a streak as long
        would come by chance once in 100,000 times, and half as long again as the longest that is known.
        """
        known = len(self._flags) - self.streak
        silent = max(self._silent - self.streak, 0)
        if known <= 0 or silent >= known:
            return False
        if not silent and known >= calibration.LEAST_SPOKEN:
            return True
        longest = max((length for _, length in self._streaks), default=0)
        by_chance = ((silent + 1) / (known + 2)) ** self.streak
        return (
            by_chance < calibration.SILENCE_BY_CHANCE and self.streak > calibration.LONGER_SILENCE * longest
        )

    def alternates(self, *, is_open: bool = False) -> bool:
        """Whether every second run says nothing; while a finding of that `is_open`, mostly."""
        newest = list(self._flags)[-calibration.ALTERNATING :]
        changes = sum(earlier != later for earlier, later in pairwise(newest))
        least = calibration.STILL_ALTERNATES if is_open else calibration.ALTERNATES
        return len(newest) == calibration.ALTERNATING and changes >= least
