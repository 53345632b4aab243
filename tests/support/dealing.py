"""The order of tests in which all workers of a run are busy to its end."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")


def deal(
    tests: Sequence[T], workers: int, file_of: Callable[[T], object], is_slow: Callable[[T], bool]
) -> list[T]:
    """`tests` in an order of which each worker takes an equal share, from one end to the other.

    1. Deal the files of slow tests out in turn, so that what the tests of a file share is made once.
    2. Fill each worker's share up with quick tests, which come after its slow ones: they are what is left at
       the end, to be taken over by workers that have done theirs.
    """
    files = [list(of_file) for _, of_file in groupby(filter(is_slow, tests), file_of)]
    hands = [[test for file in files[worker::workers] for test in file] for worker in range(workers)]
    quick = [test for test in tests if not is_slow(test)]
    dealt: list[T] = []
    for left, hand in zip(range(workers, 0, -1), hands, strict=True):
        room = max(0, (len(tests) - len(dealt)) // left - len(hand))
        dealt += [*hand, *quick[:room]]
        del quick[:room]
    return dealt + quick
