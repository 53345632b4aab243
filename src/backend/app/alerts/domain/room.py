"""How long a message may be, and the shorter forms of one that does not fit or was rejected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from app.alerts.domain.calibration import LINE_LENGTH, MOST_LISTED, SHORT_LENGTH
from app.alerts.domain.message import Message

_ELLIPSIS = "…"
_UNLIMITED = 1_000_000_000


def utf16_units(text: str) -> int:
    """The length of `text` in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf8_bytes(text: str) -> int:
    """The length of `text` in bytes of UTF-8; a lone surrogate counts as what replaces it."""
    return len(text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Room:
    """What a receiver takes: `most` of title and text together, `title` of the title, by `length`."""

    most: int = _UNLIMITED
    title: int = _UNLIMITED
    length: Callable[[str], int] = utf8_bytes

    def fits(self, message: Message) -> bool:
        """Whether the receiver takes all of `message`."""
        return self.length(message.title) <= self.title and self._size(message) <= self.most

    def cut(self, text: str, most: int) -> str:
        """`text`, or as much of its beginning as fits into `most` with an ellipsis."""
        if self.length(text) <= most:
            return text
        low, high = 0, min(len(text), max(0, most))
        while low < high:
            middle = (low + high + 1) // 2
            if self.length(text[:middle].rstrip() + _ELLIPSIS) <= most:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + _ELLIPSIS if low else ""

    def _size(self, message: Message) -> int:
        # Where a chat has no titles, the title is the first line, which ends with CR and LF.
        return self.length(message.title) + 2 + self.length(message.text)


def form_of(message: Message, room: Room, rejections: int) -> Message:
    """What to send of `message` after it was rejected `rejections` times.

    Its forms are, from the longest on: all of it, below as much of the title as there is room for; a line
    for each finding; as many of these lines as are short; one line with the count and where to look. Those
    that the receiver has no room for are left out, and each rejection takes the next one.
    """
    forms = list(_forms(message, room))
    return forms[min(rejections, len(forms) - 1)]


def _forms(message: Message, room: Room) -> Iterator[Message]:
    title = room.cut(message.title, room.title)
    whole = message if title == message.title else replace(message, title=title)
    if room.fits(whole):
        yield whole
    before = message.text
    for most in (room.most, min(room.most, SHORT_LENGTH)):
        listed = _listed(message, room, most)
        if listed and room.fits(listed) and len(listed.text) < len(before):
            before = listed.text
            yield listed
    yield _line(message, room)


def _listed(message: Message, room: Room, most: int) -> Message | None:
    """The title, as many lines as fit into `most`, how many more there are, and where to look."""
    title = room.cut(message.title, min(room.title, most // 3))
    lines = message.lines or [line for line in message.text.splitlines() if line]
    for count in range(len(lines), 0, -1):
        more = len(lines) - count + message.more
        rest = [f"and {more} more that this message has no room for"] if more else []
        text = "\n".join([*lines[:count], *rest])
        listed = replace(message, title=title, text=f"{text}\n\n{message.footer}".rstrip())
        if room.length(title) + 2 + room.length(listed.text) <= most:
            return replace(listed, data=_shorter(message.data, MOST_LISTED))
    return None


def _line(message: Message, room: Room) -> Message:
    """One line with the count and where to look, below as much of the title as there is room for."""
    most = min(room.most, LINE_LENGTH)
    line = message.line or (message.text.splitlines() or [message.title])[0]
    text = room.cut(line, min(room.most - 2, max(most, room.length(line))))
    left = max(most // 2, most - room.length(text) - 2)
    title = room.cut(message.title, min(room.title, left, room.most - room.length(text) - 2))
    return replace(message, title=title, text=text, data=_shorter(message.data, 0))


def _shorter(data: dict[str, Any], most: int) -> dict[str, Any]:
    """`data` with at most so many findings, and how many are left out."""
    findings = data.get("findings")
    if not isinstance(findings, list) or len(findings) <= most:
        return data
    left_out = data.get("findings_left_out", 0) + len(findings) - most
    return {**data, "findings": findings[:most], "findings_left_out": left_out}
