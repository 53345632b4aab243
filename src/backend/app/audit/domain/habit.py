"""How often an agent's runs go one way, learned run by run: what is unusual depends on that."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from math import prod
from typing import NamedTuple, Protocol, Self

from app.audit import calibration
from app.audit.cadence.calibration import DAY, HOUR

_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


class Run(Protocol):
    """What habits are learned from."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def silent(self) -> bool:
        """Whether it said nothing."""

    @property
    def created_at(self) -> datetime:
        """When it was reported."""


class Streak(NamedTuple):
    """Runs in a row that went one way: the number of the first run after them, how many, and from when on."""

    end: int
    length: int
    began: datetime


class Habit:
    """Which of an agent's newest runs went one way. Learning one costs the same however many came before."""

    __slots__ = ("_began", "_count", "_flags", "_newest", "_of_them", "_streaks", "streak")

    def __init__(self) -> None:
        self._flags: deque[bool] = deque(maxlen=calibration.HABIT_DEPTH)
        self._count = self._of_them = 0
        self._streaks: deque[Streak] = deque()
        self._began = self._newest = _NO_MOMENT
        self.streak = 0
        """How many runs in a row up to the newest went this way."""

    @classmethod
    def of(cls, flags: Iterable[bool]) -> Self:
        """Learned from runs in order, oldest first, of each whether it went this way."""
        habit = cls()
        for flag in flags:
            habit.observe(flag)
        return habit

    def observe(self, flag: bool, moment: datetime = _NO_MOMENT) -> None:
        """Learn a run that was reported at this moment."""
        flags = self._flags
        if len(flags) == flags.maxlen:
            self._of_them -= flags[0]
        flags.append(flag)
        self._of_them += flag
        self._count += 1
        self._newest = moment
        if flag:
            self._began = self._began if self.streak else moment
            self.streak += 1
        elif self.streak:
            self._streaks.append(Streak(self._count, self.streak, self._began))
            self.streak = 0
        while self._streaks and self._streaks[0].end <= self._count - len(flags):
            self._streaks.popleft()

    @property
    def before(self) -> tuple[int, int]:
        """Of the runs before the present streak, how many are known, and how many of them went this way."""
        known = len(self._flags) - self.streak
        return max(known, 0), max(self._of_them - self.streak, 0)

    @property
    def streaks(self) -> list[int]:
        """The lengths of the streaks before the present one, longest first."""
        return sorted((streak.length for streak in self._streaks), reverse=True)

    @property
    def longest_at_this_hour(self) -> int:
        """The longest streak of another day that began at this time of the day; 0 if this one is of days."""
        if self._newest - self._began > calibration.LONGEST_FLAKE:
            return 0
        alike = (each.length for each in self._streaks if _at_one_hour(each.began, self._began))
        return max(alike, default=0)

    @property
    def share(self) -> float:
        """Which share of the known runs went this way, apart from the longest streak; 0 of fewer than 100."""
        known = len(self._flags)
        if known < calibration.LEAST_HABIT:
            return 0.0
        longest = max([self.streak, *self.streaks[:1]])
        return max(self._of_them - longest, 0) / known

    def by_chance(self) -> float:
        """The probability that as many in a row go this way as do now, if each does as often as before.

        How often that is, is itself only as well known as runs are many: by Laplace's rule of succession,
        run by run.
        """
        known, of_them = self.before
        return prod((of_them + 1 + more) / (known + 2 + more) for more in range(self.streak))

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
        self.silence.observe(run.silent, run.created_at)
        self.failure.observe(run.status == "failed", run.created_at)
        self.partial.observe(run.status == "partial", run.created_at)


def _at_one_hour(one: datetime, other: datetime) -> bool:
    """Whether two moments of different days are within an hour at the same time of the day."""
    apart, day = abs((other - one).total_seconds()), DAY
    return apart > day / 2 and min(apart % day, day - apart % day) <= HOUR


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
    times (of one that keeps failing, once in 100,000), or there were two nearly as long; or one that began at
    the same time of another day.
    """
    if habit.streak <= calibration.LONGER_STREAK * habit.longest_at_this_hour:
        return False
    streaks: Sequence[int] = habit.streaks
    if len(streaks) < calibration.FAILED_BEFORE:
        return True
    known_length = streaks[calibration.FAILED_BEFORE - 1]
    is_longer = habit.streak > calibration.LONGER_STREAK * known_length
    keeps_failing = habit.share >= calibration.LASTING_RATE
    least = calibration.UNUSUAL if keeps_failing else calibration.UNUSUAL_FAILURE
    return is_longer and habit.by_chance() < least


def is_unusual_in_part(habit: Habit) -> bool:
    """Whether so many partial runs in a row as there are now are none of an agent's habits."""
    known, partial = habit.before
    longest = max(habit.streaks, default=0)
    return (
        partial < known
        and habit.by_chance() < calibration.UNUSUAL
        and habit.streak > calibration.LONGER_STREAK * longest
    )
