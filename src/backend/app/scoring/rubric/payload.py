"""A bounded walk over an arbitrary payload: its leaves, nearest the top first."""

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from app.scoring.rubric.calibration import SHORT_FIGURE
from app.scoring.rubric.text import entries
from app.silent_texts import ENVELOPE, ENVELOPE_OUTSIDE_LISTS, field_names

# Bounds on what a score may cost, above all but the largest reports; the top level is always seen.
MAX_NODES = 500  # containers and leaves
MAX_CHILDREN = 100  # of one container
MAX_STRING = 4_000  # characters of one text
MAX_TEXT = 16_000  # characters of all texts
_MAX_KEY = 64  # characters
_LARGEST = 1e18  # what any number is cut to, so that sums stay finite
_SCALARS = (str, int, float, type(None))  # checked first: asking whether something is a Mapping is slow

_KEY_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_DATA_KEY = re.compile(r"[/\s.]")
_MARKS = ".,;:!?()[]{}'\"`*_"
_MOMENT = re.compile(r"^\d{4}-|:")
_DIGITS = re.compile(r"\d+")

# What no agent writes does not depend on what it did, so it proves nothing about the work. Further down than
# at the top of a report the second kind of it is data.
_ENVELOPE = field_names(*ENVELOPE.values())
_TOP_ENVELOPE = field_names(*ENVELOPE_OUTSIDE_LISTS.values())
_ENVELOPE_OBJECTS = entries("job, usage, delivery, schedule")


Content = frozenset[tuple[tuple[str, ...], str]]


class Leaf(NamedTuple):
    """A scalar in the payload.

    `words` are the lower-case words of the nearest key; `group` numbers the container it sits in, so
    leaves with the same group are siblings; `in_list` says that it is an element of an array.
    """

    words: tuple[str, ...]
    value: str | float | bool | None
    group: int
    depth: int
    in_list: bool


class Array(NamedTuple):
    """An array or an object in the payload, and how many elements it holds."""

    words: tuple[str, ...]
    size: int
    group: int


@dataclass(frozen=True)
class Payload:
    """What was read: leaves, arrays, objects, and the keys that are data themselves, as paths or titles."""

    leaves: tuple[Leaf, ...]
    arrays: tuple[Array, ...]
    objects: tuple[Array, ...]
    data_keys: tuple[str, ...]

    @cached_property
    def content(self) -> Content:
        """Keys and values, without their order and spacing."""
        return frozenset((leaf.words, " ".join(str(leaf.value).split())) for leaf in self.leaves)

    @cached_property
    def wording(self) -> Content:
        """The content, one number as good as another."""
        return frozenset((words, _DIGITS.sub("0", value)) for words, value in self.content)

    @cached_property
    def figures(self) -> frozenset[str]:
        """Words with a digit, long enough to identify a run; dates and times do not count."""
        return frozenset(
            [
                word
                for word in self.said
                if len(word) > SHORT_FIGURE and not word.isalpha()
                if _DIGITS.search(word) and not _MOMENT.search(word)
            ]
        )

    @cached_property
    def said(self) -> frozenset[str]:
        """Every word and number of the content, without the marks around them."""
        words = set(" ".join(value for _, value in self.content).lower().split())
        return frozenset([word.strip(_MARKS) for word in words]) - {""}


class _Key(NamedTuple):
    """The words of a key, and whether a value, a value at the top or a container is of the envelope."""

    words: tuple[str, ...]
    envelope: bool
    top_envelope: bool
    envelope_object: bool


_NO_KEY = _Key((), envelope=False, top_envelope=False, envelope_object=False)


@lru_cache(maxsize=4096)
def _read_key(key: str) -> _Key:
    words = tuple(word.lower() for word in _KEY_WORD.findall(key))
    name = "".join(words)
    return _Key(words, name in _ENVELOPE, name in _TOP_ENVELOPE, name in _ENVELOPE_OBJECTS)


def as_number(value: object) -> float | None:
    """A finite float within ±1e18 for any JSON number; None for everything else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not isinstance(value, int):
        finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if not finite:
            return None
    return float(max(-_LARGEST, min(_LARGEST, value)))


def read(actions: Mapping[str, Any]) -> Payload:
    """Walk the payload breadth first, so that the top level is always seen, and never past the bounds."""
    leaves: list[Leaf] = []
    arrays: list[Array] = []
    objects: list[Array] = []
    data_keys: list[str] = []
    queue: deque[tuple[_Key, Any, int]] = deque([(_NO_KEY, actions, 0)])
    budget = MAX_TEXT
    group = 0
    while queue and group < MAX_NODES and len(leaves) < MAX_NODES:
        inherited, container, depth = queue.popleft()
        group += 1
        in_list = not isinstance(container, Mapping)
        for name, value in islice(_items(container), MAX_CHILDREN):
            key = inherited if in_list else _read_key(str(name)[:_MAX_KEY])
            if not isinstance(value, _SCALARS) and isinstance(value, Mapping | list | tuple):
                if not key.envelope_object:
                    kept = objects if isinstance(value, Mapping) else arrays
                    kept.append(Array(key.words, len(value), group))
                    queue.append((key, value, depth + 1))
            elif not (key.envelope or (key.top_envelope and depth == 0)):
                scalar = _scalar(value, budget)
                budget -= len(scalar) if isinstance(scalar, str) else 0
                leaves.append(Leaf(key.words, scalar, group, depth, in_list))
            if not in_list and _DATA_KEY.search(str(name)[:MAX_STRING]):
                data_keys.append(str(name)[: min(MAX_STRING, budget)])
                budget -= len(data_keys[-1])
    return Payload(tuple(leaves), tuple(arrays), tuple(objects), tuple(data_keys))


def _items(container: Any) -> Iterable[tuple[object, Any]]:
    items: Iterable[tuple[object, Any]] = (
        container.items() if isinstance(container, Mapping) else enumerate(container)
    )
    return items


def _scalar(value: object, budget: int) -> str | float | bool | None:
    """The leaf's value within the bounds; what is no JSON scalar is nothing."""
    if isinstance(value, str):
        return value[: min(MAX_STRING, budget)]
    return value if isinstance(value, bool) else as_number(value)
