"""How often an agent's runs go one way, learned run by run: what is unusual depends on that."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, Self

from app.audit import calibration


class Run(Protocol):
    """What habits are learned from."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def silent(self) -> bool:
        """Whether it said nothing."""


class Habit:
    """Which of an agent's newest runs went one way. Learning one costs the same however many came before."""

    __slots__ = ("_count", "_flags", "_of_them", "_streaks", "streak")

    def __init__(self) -> None:
        self._flags: deque[bool] = deque(maxlen=calibration.HABIT_DEPTH)
        self._count = self._of_them = 0
        self._streaks: deque[tuple[int, int]] = deque()
        self.streak = 0
        """How many runs in a row up to the newest went this way."""

    @classmethod
    def of(cls, flags: Iterable[bool]) -> Self:
        """Learned from runs in order, oldest first, of each whether it went this way."""
        habit = cls()
        for flag in flags:
            habit.observe(flag)
        return habit

    def observe(self, flag: bool) -> None:
        """Learn a run."""
        flags = self._flags
        if len(flags) == flags.maxlen:
            self._of_them -= flags[0]
        flags.append(flag)
        self._of_them += flag
        self._count += 1
        if flag:
            self.streak += 1
        elif self.streak:
            self._streaks.append((self._count, self.streak))
            self.streak = 0
        while self._streaks and self._streaks[0][0] <= self._count - len(flags):
            self._streaks.popleft()

    @property
    def before(self) -> tuple[int, int]:
        """Of the runs before the present streak, how many are known, and how many of them went this way."""
        known = len(self._flags) - self.streak
        return max(known, 0), max(self._of_them - self.streak, 0)

    @property
    def streaks(self) -> list[int]:
        """The lengths of the streaks before the present one, longest first."""
        return sorted((length for _, length in self._streaks), reverse=True)

    @property
    def share(self) -> float:
        """Which share of the known runs went this way, apart from the longest streak; 0 of fewer than 100."""
        known = len(self._flags)
        if known < calibration.LEAST_HABIT:
            return 0.0
        longest = max([self.streak, *self.streaks[:1]])
        return max(self._of_them - longest, 0) / known

    def by_chance(self) -> float:
        """The probability that as many in a row go this way as do now, if each does as often as before."""
        known, of_them = self.before
        return ((of_them + 1) / (known + 2)) ** self.streak

    def alternates(self, *, is_open: bool = False) -> bool:
        """Whether every second run goes this way; while a finding of that `is_open`, mostly."""
        newest = list(self._flags)[-calibration.ALTERNATING :]
        changes = sum(earlier != later for earlier, later in pairwise(newest))
        least = calibration.STILL_ALTERNATES if is_open else calibration.ALTERNATES
        return len(newest) == calibration.ALTERNATING and changes >= least


@dataclass(slots=True)
class Habits:
    """How often an agent's runs say nothing, fail, and succeed only in part."""

    silence: Habit = field(default_factory=Habit)
    failure: Habit = field(default_factory=Habit)
    partial: Habit = field(default_factory=Habit)

    @classmethod
    def of(cls, runs: Iterable[Run]) -> Self:
        """Learned from runs in order, oldest first."""
        habits = cls()
        for run in runs:
            habits.observe(run)
        return habits

    def observe(self, run: Run) -> None:
        """Learn a run."""
        self.silence.observe(run.silent)
        self.failure.observe(run.status == "failed")
        self.partial.observe(run.status == "partial")


def is_unusual_silence(habit: Habit) -> bool:
    """Whether so many silent runs in a row as there are now are none of an agent's habits.

    They are where no run before them was silent, or where there was none yet: of a new agent that does
    nothing, people want to know once. Else a streak as long must come by chance less than once in 100,000
    times, and be half as long again as the longest that is known.
    """
    known, silent = habit.before
    if not silent:
        return known > 0 or habit.streak < calibration.LEAST_HABIT
    longest = max(habit.streaks, default=0)
    return (
        silent < known
        and habit.by_chance() < calibration.UNUSUAL
        and habit.streak > calibration.LONGER_STREAK * longest
    )


def is_unusual_failure(habit: Habit) -> bool:
    """Whether so many failures in a row as there are now are none of an agent's habits.

    They are where it failed at two times before at least, and a streak as long comes by chance once in 1,000
    times, or there were two nearly as long.
    """
    streaks: Sequence[int] = habit.streaks
    if len(streaks) < calibration.FAILED_BEFORE:
        return True
    known_length = streaks[calibration.FAILED_BEFORE - 1]
    is_longer = habit.streak > calibration.LONGER_STREAK * known_length
    return is_longer and habit.by_chance() < calibration.UNUSUAL_FAILURE


def is_unusual_in_part(habit: Habit) -> bool:
    """Whether so many partial runs in a row as there are now are none of an agent's habits."""
    known, partial = habit.before
    longest = max(habit.streaks, default=0)
    return (
        partial < known
        and habit.by_chance() < calibration.UNUSUAL
        and habit.streak > calibration.LONGER_STREAK * longest
    )
