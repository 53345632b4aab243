"""What a judge gets to see of a payload: bounded, without credentials and without text that may order it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.kit.secrets import MASK, Effort, name_beside, redact, weigh_field
from app.kit.strict_json import MAX_DEPTH
from app.scoring.judge.address import may_order, may_wish
from app.scoring.judge.pieces import pieces

WITHHELD = "[withheld]"

_DEEPER = f"[nested deeper than {MAX_DEPTH} levels]"
_MAX_STRING = 3_000
# Characters beyond a cut in which secrets are looked for too: half a one is not recognised.
_BEYOND = 5_000
_MAX_KEY = 200
_OVERHEAD = 4  # quotes, colon and comma
_CHARACTERS_A_PLACE = 3
"""Characters of room for each place that is looked at closely for secrets (`kit.secrets`): prose about
passwords has one in 14, so that four times as many as there is room for can be read."""
_MOST_READ = 5
"""Characters that are read for each one that there is room for: masks are short, and margins are long."""


@dataclass
class Excerpt:
    """Takes payloads in, as long as there is room for `room` characters.

    `withheld` counts the pieces that were left out as possible orders; `wishes` says that what is shown may
    still speak to its reader.
    """

    room: int
    withheld: int = 0
    wishes: bool = False
    _unread: int = field(init=False)
    _effort: Effort = field(init=False)

    def __post_init__(self) -> None:
        self._unread = self.room * _MOST_READ
        self._effort = Effort(self.room // _CHARACTERS_A_PLACE)

    def of(self, value: Any, key: str = "", level: int = 1) -> Any:
        """What is shown of a JSON value that stands under `key`, in so many containers with itself."""
        if isinstance(value, Mapping | list | tuple):
            if level > MAX_DEPTH:
                self.room -= len(_DEEPER) + _OVERHEAD
                return _DEEPER
            if isinstance(value, Mapping):
                return self._of_object(value, level)
            return self._of_array(value, key, level)
        if isinstance(value, bool) or value is None:
            self.room -= _OVERHEAD
            return value
        text = str(value)
        if isinstance(value, str) or weigh_field(key, text):
            return self._text(text, key, _MAX_STRING)
        self.room -= len(text)
        return value if len(text) <= _MAX_KEY else _cut(text, _MAX_KEY)

    def _of_object(self, value: Mapping[Any, Any], level: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        named = name_beside(value)
        for number, (name, child) in enumerate(value.items()):
            if self._is_full():
                shown["…"] = f"[{len(value) - number} more left out]"
                break
            key = self._text(str(name), "", _MAX_KEY)
            # What stands under an order belongs to it.
            if WITHHELD in key:
                shown[f"{WITHHELD} {number}"] = WITHHELD
            else:
                shown[key] = self.of(child, named if named and name == "value" else str(name), level + 1)
        return shown

    def _of_array(self, value: list[Any] | tuple[Any, ...], key: str, level: int) -> list[Any]:
        shown: list[Any] = []
        for number, child in enumerate(value):
            if self._is_full():
                shown.append(f"[{len(value) - number} more left out]")
                break
            shown.append(self.of(child, key, level + 1))
        return shown

    def _is_full(self) -> bool:
        return self.room <= 0 or self._unread <= 0

    def _text(self, text: str, key: str, longest: int) -> str:
        self._unread -= min(len(text), longest + 2 * _BEYOND)
        clean = _masked(text, key, min(longest, max(self.room, _MAX_KEY)), self._effort)
        parts = list(pieces(clean))
        shown = "".join(map(self._piece, parts))
        # An order may be spread over several pieces.
        if WITHHELD not in shown and len(parts) > 1 and may_order(clean):
            self.withheld += 1
            shown = WITHHELD
        self.wishes = self.wishes or may_wish(shown)
        self.room -= len(shown) + _OVERHEAD
        return shown

    def _piece(self, piece: str) -> str:
        if not may_order(piece):
            return piece
        self.withheld += 1
        return f"{WITHHELD} " if piece[-1:].isspace() else WITHHELD


def _masked(text: str, key: str, longest: int, effort: Effort) -> str:
    """`text` without secrets, cut to `longest` characters and a note; of a long one both ends are read."""
    if weigh_field(key, text[:_BEYOND]):
        return MASK
    if len(text) <= longest + 2 * _BEYOND:
        return _cut(redact(text, effort), longest)
    head, tail = longest * 2 // 3, longest // 3
    first, last = redact(text[: head + _BEYOND], effort), redact(text[-tail - _BEYOND :], effort)
    # Masks are short: behind many of them stands what is beyond the cut, and may end in half a secret.
    first, last = first[: min(head, len(first) - _BEYOND)], last[max(len(last) - tail, _BEYOND) :]
    return f"{first} […{len(text) - head - tail} characters left out…] {last}"


def _cut(text: str, longest: int) -> str:
    """`text` without its middle where it is too long, with a note in its place."""
    if len(text) <= longest:
        return text
    head, tail = longest * 2 // 3, longest // 3
    return f"{text[:head]} […{len(text) - head - tail} characters left out…] {text[-tail:]}"
