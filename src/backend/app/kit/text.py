"""Text for people: moments and spans in words, and what a terminal may safely show."""

import json
import re
from datetime import UTC, datetime, timedelta

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_LETTERS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def counted(count: int, noun: str) -> str:
    """A number with its noun, which takes an s for any number but one: `1 agent`, `1,200 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def folded(text: str) -> str:
    """`text` in lower case, character for character: a place in it is the same place in `text`.

    Letters that patterns which ignore case take for `i` and `s` become these; `İ` would grow otherwise.
    """
    if not text.isascii():
        text = text.replace("\u0130", "i").replace("\u0131", "i").replace("\u017f", "s")
    return text.lower()


def shortened(text: str, length: int) -> str:
    """`text`, or where it is longer than `length` characters its beginning, with a sign that it was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def parse_span(text: str) -> timedelta | None:
    """The span of `90s`, `30m`, `2h`, `7d` or `1w`; None where `text` is none."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip(), re.ASCII)
    return timedelta(**{_LETTERS[found[2]]: int(found[1])}) if found else None


def in_words(span: timedelta) -> str:
    """A span in words, to two units at most: `45 s`, `1 h 30 min`, `2 days 4 h`."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    days = counted(hours // 24, "day")
    return days + (f" {hours % 24} h" if hours % 24 else "")


def seconds_in_words(seconds: float) -> str:
    """A span of seconds, exact to the millisecond below one."""
    if seconds < 1:
        return f"{seconds:.3f} s"
    return in_words(timedelta(seconds=min(seconds, timedelta.max.total_seconds() - 1)))


def dollars(amount: float) -> str:
    """An amount of US dollars, with parts of a cent where it is small: `$12.50`, `$0.0042`."""
    return f"${amount:,.4f}" if 0 < amount < 0.1 else f"${amount:,.2f}"


def ago(then: datetime, now: datetime) -> str:
    """How long ago `then` was, in its largest whole unit: `2 minutes ago`."""
    seconds = (now - then).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return "just now"


def escape_unprintable(text: str) -> str:
    """JSON `text` with every character escaped that could steer a terminal or turn what it shows around."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """`text` on one line, without what could steer a terminal."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())


def at(moment: datetime, now: datetime) -> str:
    """A moment for people, in UTC, with its date unless that is today's: `09:12 UTC`."""
    moment = moment.astimezone(UTC)
    same_day = moment.date() == now.astimezone(UTC).date()
    return f"{moment:%H:%M} UTC" if same_day else f"{moment:%Y-%m-%d %H:%M} UTC"
