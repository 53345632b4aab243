"""Mask secrets in what leaves the product: text, and JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.kit.secrets.catalogue import find_personal, find_secrets, weigh_field
from app.kit.secrets.kind import Span

MASK = "[redacted]"

# Text under a secret's name is weighed by its beginning.
_START = 400
_NAMES = ("name", "key")


def redact(text: str) -> str:
    """`text` with every secret in it replaced by a mask. Repeating it changes nothing."""
    return _mask(text, find_secrets(text))


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
    clean = redact(_mask(start, find_personal(start)))
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def redact_json(value: Any, key: str = "") -> Any:
    """A JSON `value` with the secrets in its keys and texts masked; `key` is the name it has.

    What is a secret for the name it stands under is masked as a whole; a pair such as
    `{"name": "DB_PASSWORD", "value": …}` names its value too. Raises
    `RecursionError` for one nested too deep.
    """
    if isinstance(value, Mapping):
        named = name_beside(value)
        return {
            redact(str(name)): redact_json(item, named if named and name == "value" else str(name))
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_json(item, key) for item in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    if key and weigh_field(key, text[:_START]):
        return MASK
    clean = redact(text)
    return clean if clean != text else value


def name_beside(fields: Mapping[Any, Any]) -> str:
    """The name that `fields` give their `value`, as environment variables in a list do; empty without one."""
    if "value" not in fields:
        return ""
    return next((name for key in _NAMES if isinstance(name := fields.get(key), str)), "")
