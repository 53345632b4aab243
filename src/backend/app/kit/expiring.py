"""Values that are kept for a while."""

import time
from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(NamedTuple, Generic[Value]):
    """A value, and its age in seconds."""

    value: Value
    age: float


class ExpiringCache(Generic[Key, Value]):
    """The `most` values that were used last, each with its age: who asks knows how old it may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, tuple[Value, float]] = OrderedDict()

    def get(self, key: Key) -> Kept[Value] | None:
        """The value that was put for `key` last, if it is still kept."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        value, put_at = found
        return Kept(value, time.monotonic() - put_at)

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, which is new now."""
        self._values[key] = value, time.monotonic()
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
