"""The order of tests in which all workers of a run are busy to its end."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def deal(
    tests: Sequence[T], workers: int, group_of: Callable[[T], Hashable], is_slow: Callable[[T], bool]
) -> list[T]:
    """`tests` in an order of which each worker takes an equal share, from one end to the other.

    1. Deal the groups of slow tests out in turn, so that what the tests of a group share is made once.
    2. Fill each worker's share up with quick tests, which come after its slow ones: they are what is left at
       the end, to be taken over by workers that have done theirs.
    """
    groups: dict[Hashable, list[T]] = {}
    for test in filter(is_slow, tests):
        groups.setdefault(group_of(test), []).append(test)
    dealable = list(groups.values())
    hands = [[test for group in dealable[worker::workers] for test in group] for worker in range(workers)]
    quick = [test for test in tests if not is_slow(test)]
    dealt: list[T] = []
    for left, hand in zip(range(workers, 0, -1), hands, strict=True):
        room = max(0, (len(tests) - len(dealt)) // left - len(hand))
        dealt += [*hand, *quick[:room]]
        del quick[:room]
    return dealt + quick
