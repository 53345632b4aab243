"""When a run counts as silent: the rule behind `consecutive_silence_count`.

Rows that plain SQL inserts are counted by a trigger, which says the same rule in SQL (`app.models.silence`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.silent_texts import BLANKS, QUIET_REPLIES


def is_silent(actions: Mapping[str, Any]) -> bool:
    """Whether `actions_taken` holds no meaningful output.

    Nulls, blank strings and empty arrays and objects are dropped at every depth. The run is
    silent when nothing is left, or only a top-level `summary` that is one of `QUIET_REPLIES`.
    Every number and boolean is output, 0 and false too, except one: a top-level
    `"no_op": true` is output only through its `reason`, so without one it is dropped as well.
    """
    for key, value in actions.items():
        if value is None or (value is True and key == "no_op"):
            continue
        if isinstance(value, str):
            text = value.strip(BLANKS)
            if text and not (key == "summary" and text in QUIET_REPLIES):
                return False
            continue
        if not isinstance(value, dict | list) or _holds_output(value):
            return False
    return True


def _holds_output(container: dict[str, Any] | list[Any]) -> bool:
    """Whether any leaf is left after dropping; depth first, with a stack of its own for deep nesting."""
    stack: list[Iterator[Any]] = [_children(container)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, dict | list):
                stack.append(_children(value))
                break
            if value is not None and not (isinstance(value, str) and not value.strip(BLANKS)):
                return True
        else:
            stack.pop()
    return False


def _children(container: dict[str, Any] | list[Any]) -> Iterator[Any]:
    return iter(container.values() if isinstance(container, dict) else container)
