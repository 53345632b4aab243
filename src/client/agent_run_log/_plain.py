"""Whatever an agent reports, as JSON that the server takes: what has no JSON becomes text, and is noted."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

DEEPEST = 90
"""Levels of nesting that are kept: the server takes 100, of which the report itself has some."""
MOST_VALUES = 1_000_000
"""Values that are kept of one report: more than fit into what servers take by default."""

_LONGEST_TEXT = 1_000
"""Characters of a text that stands for what has no JSON."""
# Python writes integers of up to 4,300 digits unless it is set otherwise.
_LONGEST_INTEGER_BITS = 14_000
_UNSTORABLE = dict.fromkeys((0, *range(55296, 57344)), "�")


def encode(value: object) -> bytes | None:
    """The JSON of a value that is JSON the server takes, or None: then it takes a `Plain` to make it so."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        if "\\u0000" in text or text.count("{") + text.count("[") > DEEPEST:
            return None
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        return None


class Plain:
    """Makes values plain: what `json` writes and the server takes. `notes` say what changed."""

    def __init__(self) -> None:
        self.notes: dict[str, None] = {}
        self._around: set[int] = set()
        self._count = 0

    def of(self, value: Any) -> Any:
        """The plain form of a value."""
        self._count += 1
        if self._count > MOST_VALUES:
            self._note(f"only the first {MOST_VALUES:,} values were kept")
            return None
        if value is None or isinstance(value, bool):
            return value
        for kinds, convert in _CONVERSIONS:
            if isinstance(value, kinds):
                return convert(self, value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._within(value, lambda: self._fields(value))
        return self._text_for(value)

    def _string(self, value: str) -> str:
        text = str.translate(value, _UNSTORABLE)
        if text != value:
            self._note("characters that cannot be stored were replaced")
        return text

    def _integer(self, value: int) -> int | str:
        if value.bit_length() <= _LONGEST_INTEGER_BITS:
            return int(value)
        self._note("an integer was too long to be kept")
        return f"(an integer of {value.bit_length():,} bits)"

    def _float(self, value: float) -> float | str:
        if math.isfinite(value):
            return float(value)
        self._note("numbers that JSON does not have were written as text")
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

    def _decimal(self, value: Decimal) -> float | int | str:
        if not value.is_finite():
            return self._float(float(value)) if not value.is_snan() else self._float(math.nan)
        number = float(value)
        return number if math.isfinite(number) and Decimal(repr(number)) == value else str(value)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        return self._within(value, lambda: self._pairs(list(value.items())))

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, each in pairs:
            name = self.of(key)
            if not isinstance(name, str):  # as json.dumps has it: null, true, 1
                name = json.dumps(name)
            while name in plain:  # such as 1 and "1"
                name += "_"
            plain[name] = self.of(each)
        return plain

    def _fields(self, value: Any) -> dict[str, Any]:
        return self._pairs((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))

    def _sequence(self, value: Iterable[Any]) -> Any:
        return self._within(value, lambda: [self.of(each) for each in list(value)])

    def _set(self, value: Iterable[Any]) -> Any:
        return self._within(value, lambda: [self.of(each) for each in sorted(value, key=repr)])

    def _within(self, value: object, convert: Callable[[], Any]) -> Any:
        """Convert what holds other values, unless it is within itself or too deep."""
        if id(value) in self._around:
            self._note("a value that holds itself was cut")
            return "(holds itself)"
        if len(self._around) >= DEEPEST:
            self._note(f"values nested deeper than {DEEPEST} levels were cut")
            return "(nested too deep)"
        self._around.add(id(value))
        try:
            return convert()
        finally:
            self._around.discard(id(value))

    def _text_for(self, value: object) -> str:
        name = type(value).__name__
        try:
            text = repr(value)
        except Exception:  # noqa: BLE001  # whatever the code of another's class raises
            text = f"<{name}>"
        self._note(f"values of the type {name} were written as text")
        return str.translate(text[:_LONGEST_TEXT], _UNSTORABLE)

    def _note(self, note: str) -> None:
        self.notes[note] = None


# In this order: a string may be an Enum, and an Enum an integer.
_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Plain, Any], Any]], ...] = (
    (Enum, lambda plain, value: plain.of(value.value)),
    (str, Plain._string),
    (int, Plain._integer),
    (float, Plain._float),
    (Mapping, Plain._mapping),
    ((list, tuple), Plain._sequence),
    ((set, frozenset), Plain._set),
    (Decimal, Plain._decimal),
    ((date, time), lambda _, value: value.isoformat()),
    (timedelta, lambda _, value: value.total_seconds()),
    ((PurePath, UUID), lambda plain, value: plain.of(str(value))),
    ((bytes, bytearray), lambda plain, value: plain.of(value.decode("utf-8", "replace"))),
)


def shorten(value: Any, longest: int) -> Any:
    """A plain value, its texts and lists cut to `longest` characters or values; what is cut says so."""
    if isinstance(value, str):
        cut = len(value) - longest
        return value if cut <= 0 else f"{value[:longest]}… ({cut:,} characters cut)"
    if isinstance(value, dict):
        return {shorten(key, longest): shorten(each, longest) for key, each in value.items()}
    if isinstance(value, list):
        cut = len(value) - longest
        kept = [shorten(each, longest) for each in value[:longest]]
        return kept if cut <= 0 else [*kept, f"… ({cut:,} values cut)"]
    return value
