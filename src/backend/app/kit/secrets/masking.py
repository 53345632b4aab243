"""Mask secrets in what leaves the product: text, and JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.kit.secrets.catalogue import (
    MOST_PLACES,
    SHORTEST,
    find_personal,
    find_secrets,
    may_name_secret,
    weigh_field,
)
from app.kit.secrets.kind import Effort, Span
from app.kit.text import shortened

MASK = "[redacted]"

# Text under a secret's name is weighed by its beginning.
_START = 400
_PLACES_A_NAME = 3  # what it takes to see whether a name is one of secrets, as often as it takes another one
MOST_VALUES = 60_000
"""Values of a document that are looked at: some 2 µs each, beside what `MOST_PLACES` takes."""

_NAMES = ("name", "key")


def redact(text: str, effort: Effort | None = None) -> str:
    """`text` with every secret in it replaced by a mask. Repeating it changes nothing.

    What is behind `MOST_PLACES`, or behind those that `effort` allows, is masked as a whole.
    """
    return _mask(text, find_secrets(text, effort))


def _mask(text: str, found: Iterable[Span]) -> str:
    spans = sorted(found)
    if not spans:
        return text
    parts, end = [], 0
    for span in spans:
        if span.start >= end:
            parts += [text[end : span.start], MASK]
        end = max(end, span.end)
    return "".join([*parts, text[end:]])


def public_text(text: str, length: int) -> str:
    """`text` without secrets and personal data, on one line, at most `length` characters."""
    # Half a secret is no longer recognised: cut before a word first, and at `length` last.
    start = " ".join(text[: length * 20].split())
    if len(text) > length * 20:
        start = start.rpartition(" ")[0] or start
    return shortened(redact(_mask(start, find_personal(start))), length)


def redact_json(value: Any, key: str = "") -> Any:
    """A JSON `value` with the secrets in its keys and texts masked; `key` is the name it has.

    What is a secret for the name it stands under is masked as a whole; a pair such as
    `{"name": "DB_PASSWORD", "value": …}` names its value too. As in `redact`, what is behind `MOST_PLACES` of
    the whole document is masked, and so is what is behind `MOST_VALUES`. Raises `RecursionError` for one that
    is nested too deep.
    """
    return _Document().masked(value, key)


class _Document:
    """One document on its way through the masks, and how much of it is still looked at."""

    def __init__(self) -> None:
        self._effort = Effort(MOST_PLACES)
        self._values = MOST_VALUES
        self._names: dict[str, bool] = {}

    def masked(self, value: Any, key: str) -> Any:
        self._values -= 1
        if self._values < 0 or self._effort.places <= 0:
            return MASK
        if isinstance(value, Mapping):
            named = name_beside(value)
            return {
                self._redact(str(name)): self.masked(item, named if named and name == "value" else str(name))
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            shown = [self.masked(item, key) for item in value[: max(0, self._values)]]
            return shown if len(shown) == len(value) else [*shown, MASK]
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        if key and self._may_name_secret(key) and weigh_field(key, text[:_START]):
            return MASK
        clean = self._redact(text)
        return clean if clean != text else value

    def _may_name_secret(self, key: str) -> bool:
        known = self._names.get(key)
        if known is None:
            self._effort.places -= _PLACES_A_NAME
            known = self._names[key] = may_name_secret(key)
        return known

    def _redact(self, text: str) -> str:
        if self._effort.places <= 0:
            return MASK
        if len(text) < SHORTEST:
            return text
        self._effort.places -= 1
        return _mask(text, find_secrets(text, self._effort))


def name_beside(fields: Mapping[Any, Any]) -> str:
    """The name that `fields` give their `value`, as environment variables in a list do; empty without one."""
    if "value" not in fields:
        return ""
    return next((name for key in _NAMES if isinstance(name := fields.get(key), str)), "")
