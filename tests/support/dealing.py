"""The order in which the tests of a run are dealt out, so that all workers are busy to its end."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")
APART = 8  # parts of a run, to which neighbouring groups go in turn
MOST_QUICK = 50  # quick tests that one worker takes at a time


def deal(
    tests: Sequence[T],
    group_of: Callable[[T], Hashable],
    is_slow: Callable[[T], bool],
) -> list[list[int]]:
    """The positions of `tests` in shares, in the order in which workers are to take them.

    1. Each group of slow tests is a share, as what its tests have in common is made once.
    2. Groups that follow each other are far apart: those of a directory load the machine alike, and at the
       same time they would keep each other's servers waiting for longer than clients wait.
    3. Shares of quick tests come last and are small: whichever worker is free takes the next.
    """
    slow: dict[Hashable, list[int]] = {}
    quick: dict[Hashable, list[int]] = {}
    for position, test in enumerate(tests):
        (slow if is_slow(test) else quick).setdefault(group_of(test), []).append(position)
    small = [
        group[first : first + MOST_QUICK]
        for group in quick.values()
        for first in range(0, len(group), MOST_QUICK)
    ]
    groups = list(slow.values())
    apart = [group for first in range(APART) for group in groups[first::APART]]
    return [*apart, *small]
