"""A payload as a tree for a page: as much of it at a time as a reader can take in. Pure."""

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.runs.payloads import NumberText, described, pointer_to

MEMBERS_A_LEVEL = 100
"""Of an object or array that are shown at once: the others follow on demand."""

MEMBERS_BELOW = 25
"""Of an object or array in another one that is shown opened: more would hide what follows it."""

MEMBERS_AT_ONCE = 150
"""Of all levels together: what usual reports have is shown whole."""

LEVELS_AT_ONCE = 6
"""So deep usual reports go, and a narrow screen."""

TEXT_LENGTH = 600
"""Characters of a string that are shown at once: some ten lines."""


@dataclass(slots=True)
class Node:
    """A part of a payload: its own name in what holds it, its JSON pointer, and a word for what it is.

    Of a scalar `text` is what is shown, and `unshown` how many characters are not. Of an object or array
    `members` are those shown, None before it is opened; `following` is where those begin that are not.
    """

    name: str
    pointer: str
    kind: str
    words: str = ""
    text: str = ""
    unshown: int = 0
    members: Sequence["Node"] | None = None
    following: int | None = None

    @property
    def is_container(self) -> bool:
        """Whether it has members to open."""
        return self.kind in ("object", "array") and (self.members is None or bool(self.members))


def tree(value: Any, pointer: str = "", start: int = 0) -> Node:
    """The part at `pointer` with its members from number `start` on, and what of those below it fits."""
    root = _node("", pointer, value)
    pending = deque([(root, value, 1)] if isinstance(value, dict | list) else ())
    room = MEMBERS_AT_ONCE
    while pending:
        node, container, level = pending.popleft()
        size = len(container)
        first = start if node is root else 0
        shown = min(MEMBERS_A_LEVEL, size - first)
        if node is not root and (shown > min(room, MEMBERS_BELOW) or level > LEVELS_AT_ONCE):
            continue
        room -= shown
        members = []
        for name, member in islice(_members(container), first, first + shown):
            child = _node(name, pointer_to(node.pointer, name), member)
            members.append(child)
            if isinstance(member, dict | list):
                pending.append((child, member, level + 1))
        node.members = members
        node.following = first + shown if first + shown < size else None
    return root


def whole_text(value: str, pointer: str) -> Node:
    """The string or number at `pointer` with all of its text."""
    return _node("", pointer, value, len(value))


def _members(container: dict[str, Any] | list[Any]) -> Iterable[tuple[str, Any]]:
    if isinstance(container, dict):
        return container.items()
    return ((str(place), item) for place, item in enumerate(container))


def _node(name: str, pointer: str, value: Any, length: int = TEXT_LENGTH) -> Node:
    match value:
        case dict():
            return Node(name, pointer, "object", described(value))
        case list():
            return Node(name, pointer, "array", described(value))
        case NumberText():
            return Node(name, pointer, "number", text=value[:length], unshown=max(0, len(value) - length))
        case str():
            return Node(name, pointer, "string", text=value[:length], unshown=max(0, len(value) - length))
    return Node(name, pointer, "literal", text=json.dumps(value))
