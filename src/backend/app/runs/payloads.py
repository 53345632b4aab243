"""What a run's payload holds: its parts by their places, and what two payloads differ in. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.kit.strict_json import MAX_DEPTH, is_deeper
from app.kit.text import counted, shortened

MOST_COMPARED = 5_000
"""Members of objects that are compared; the report with most members that is usual has a hundredth of it."""

MOST_NAMED = 20
"""Differences of a kind that are named: more are not read. The others are counted."""

VALUE_LENGTH = 120
"""Characters of a value in words."""


class NumberText(str):
    """A number as it was sent: Python's numbers would change some."""

    __slots__ = ()


def read_payload(text: str) -> Any:
    """The value that a payload's JSON text has, with each number as `NumberText`.

    What is nested deeper than reports may be, by another program, stays text.
    """
    try:
        value = json.loads(text, parse_int=NumberText, parse_float=NumberText)
        return text if is_deeper(value, MAX_DEPTH) else value
    except RecursionError:
        return text


def part_at(value: Any, pointer: str) -> Any:
    """The part of `value` that a JSON pointer (RFC 6901) names. Raises `LookupError`."""
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdecimal():
            value = value[int(name)]
        else:
            raise LookupError(pointer)
    return value


def pointer_to(parent: str, name: str) -> str:
    """The pointer to the member or item `name` of what `parent` points to."""
    return f"{parent}/{name.replace('~', '~0').replace('/', '~1')}"


def described(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, dict):
        return counted(len(value), "key")
    if isinstance(value, list):
        return counted(len(value), "item")
    if isinstance(value, str):
        return value if isinstance(value, NumberText) else f"“{shortened(value, VALUE_LENGTH)}”"
    return json.dumps(value)


class Member(NamedTuple):
    """A member that one of the payloads has: its names from outside in, and its value in words."""

    place: Sequence[str]
    value: str


class Change(NamedTuple):
    """A member whose value differs, with both values in words."""

    place: Sequence[str]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What the later of two payloads lacks, has beside, and has otherwise; `more` is how many go unnamed."""

    missing: Sequence[Member]
    added: Sequence[Member]
    changed: Sequence[Change]
    more: int

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.changed)


def difference(before: Any, after: Any) -> Difference:
    """What `after` differs from `before` in, member by member; lists are compared as a whole.

    Of more than `MOST_COMPARED` members the first are compared.
    """
    missing: list[Member] = []
    added: list[Member] = []
    changed: list[Change] = []
    pending: list[tuple[tuple[str, ...], Any, Any]] = [((), before, after)]
    compared = 0
    while pending and compared < MOST_COMPARED:
        place, old, new = pending.pop()
        if not (isinstance(old, dict) and isinstance(new, dict)):
            if old != new:
                changed.append(Change(place, described(old), _otherwise(old, new)))
            continue
        compared += len(old) + len(new)
        missing += [Member((*place, name), described(old[name])) for name in old if name not in new]
        added += [Member((*place, name), described(new[name])) for name in new if name not in old]
        pending += [((*place, name), old[name], new[name]) for name in reversed(old) if name in new]
    more = sum(max(0, len(each) - MOST_NAMED) for each in (missing, added, changed))
    return Difference(missing[:MOST_NAMED], added[:MOST_NAMED], changed[:MOST_NAMED], more)


def _otherwise(old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        differing = sum(one != other for one, other in zip(old, new, strict=True))
        return f"{described(new)}, of which {differing:,} differ{'s' if differing == 1 else ''}"
    return described(new)
