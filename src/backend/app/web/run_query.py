"""What the address of `/runs` asks for, and the addresses of its other pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from app.kit.cursors import Cursor
from app.kit.moments import UtcMoment
from app.runs.browsing import BrowseFilters
from app.web.forms import place_in

PATH = "/runs"
STATUSES = ("success", "partial", "failed")
SPANS = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
"""By their names in the address, in words, and how far back they go."""

LABELS = {
    "agent_id": "Agent",
    "status": "Status",
    "span": "Time",
    "q": "Text",
    "since": "From (UTC)",
    "until": "Until (UTC)",
    "least_score": "Lowest score",
    "most_score": "Highest score",
    "silent": "Silent runs only",
}
"""Of the fields, which have the names of the address's parameters."""

_FIRST = frozenset({"agent_id", "status", "span", "q"})
_LONGEST = 255  # characters, as in the JSON list
_moment = TypeAdapter(UtcMoment)


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The fields that are set, as they were typed; what they mean, and what is wrong with them by field."""

    given: Mapping[str, str]
    filters: BrowseFilters
    cursor: Cursor | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, parameters: Mapping[str, str], now: datetime) -> "RunQuery":
        """Read the address's parameters; a cursor that was cut or made up is that of the first page."""
        given = {name: parameters.get(name, "").strip() for name in LABELS}
        given = {name: text for name, text in given.items() if text}
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for name, text in given.items():
            try:
                values[name] = _READ[name](text)
            except ValueError as error:
                errors[name] = str(error)
        span = values.pop("span", None)
        if span:
            values["since"] = max(now - span, values.get("since", now - span))
        cursor = place_in(Cursor.decode, parameters.get("cursor"))
        return cls(given, BrowseFilters(**values), cursor, errors)  # type: ignore[typeddict-item]

    @property
    def uses_more(self) -> bool:
        """Whether a filter is set that is not among the first ones."""
        return not self.given.keys() <= _FIRST

    def text(self, name: str) -> str:
        """A field as it was typed; empty where it is not set."""
        return self.given.get(name, "")

    def without(self, name: str) -> str:
        """The address of the first page without one of the filters."""
        return _address({each: text for each, text in self.given.items() if each != name})

    def page(self, cursor: str | None = None) -> str:
        """The address of the page after `cursor`, or of the first."""
        return _address({**self.given, "cursor": cursor} if cursor else self.given)

    def described(self, name: str) -> str:
        """A field that is set, in words."""
        text = self.given[name]
        if name == "silent":
            return "silent runs only"
        return SPANS[text][0] if name == "span" and text in SPANS else f"{LABELS[name].lower()}: {text}"


def _address(fields: Mapping[str, str]) -> str:
    return f"{PATH}?{urlencode(fields)}" if fields else PATH


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("no report holds the character U+0000")
    if len(text) > _LONGEST:
        raise ValueError(f"at most {_LONGEST} characters")
    return text


def _status(text: str) -> str:
    if text not in STATUSES:
        raise ValueError(f"one of {', '.join(STATUSES)}")
    return text


def _span(text: str) -> timedelta:
    if text not in SPANS:
        raise ValueError(f"one of {', '.join(SPANS)}")
    return SPANS[text][1]


def _time(text: str) -> datetime:
    try:
        return _moment.validate_python(text)
    except ValidationError:
        raise ValueError("a day and time such as 2026-01-31T09:30") from None


def _score(text: str) -> float:
    wrong = ValueError("a number from 0 to 1")
    try:
        score = float(text)
    except ValueError:
        raise wrong from None
    if not 0 <= score <= 1:
        raise wrong
    return score


def _silent(_: str) -> bool:
    return True


_READ: Mapping[str, Callable[[str], Any]] = {
    "agent_id": _text,
    "status": _status,
    "span": _span,
    "q": _text,
    "since": _time,
    "until": _time,
    "least_score": _score,
    "most_score": _score,
    "silent": _silent,
}
