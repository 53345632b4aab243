"""Which targets of a URL with several of them, such as rooms or addresses, have a message already.

apprise's plugins skip the targets in a set that the library makes for repetitions of its own. Here it holds
what earlier attempts delivered to, so that a target that fails does not have the others notified again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from apprise.plugins.base import _delivery_tracker


class Targets(set[Any]):
    """The set that plugins ask and add to. `digests` stand for its targets, whose names may be secret."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self.digests = set(known)

    def add(self, key: Any) -> None:
        """Note that `key` has the message."""
        self.digests.add(_digest(key))

    def __contains__(self, key: object) -> bool:
        """Whether `key` has the message."""
        return _digest(key) in self.digests


@contextmanager
def skipping(known: Iterable[str]) -> Iterator[Targets]:
    """Have plugins in this context skip the targets `known` by their digests; gives those that have it."""
    targets = Targets(known)
    token = _delivery_tracker.set(targets)
    try:
        yield targets
    finally:
        _delivery_tracker.reset(token)


def _digest(key: Any) -> str:
    piece, (kind, name) = key
    return hashlib.sha256(f"{piece} {kind.__name__} {name}".encode("utf-8", "replace")).hexdigest()[:32]
