"""When a run counts as silent: the rule behind `consecutive_silence_count`.

Rows that plain SQL inserts are counted by a trigger, which says the same rule in SQL (`app.models.silence`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.silent_texts import BLANKS, METADATA, QUIET_REPLIES, QUIET_WORDS

LONGEST_QUIET = 24
"""Characters. Bound: longer than any of `QUIET_WORDS` with its decoration."""
_NO_WORD = re.compile(r"[\W_]+")


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


def says_nothing(actions: Mapping[str, Any]) -> bool:
    """Whether a run tells of nothing: it `is_silent`, or its summary is quiet and the rest is `METADATA`.

    What the Auditor goes by. The count in `consecutive_silence_count` goes by `is_silent`, as specified.
    """
    summary = actions.get("summary")
    if not isinstance(summary, str) or not is_quiet(summary):
        return is_silent(actions)
    if isinstance(actions.get("no_op"), bool):
        return is_silent(actions)
    return is_silent(
        {key: value for key, value in actions.items() if key != "summary" and not _is_metadata(key)}
    )


def is_quiet(summary: str) -> bool:
    """Whether a summary tells of nothing: `[SILENT]`, `**HEARTBEAT_OK**`, `Done`, `.`."""
    if len(summary.strip(BLANKS)) > LONGEST_QUIET:
        return False
    words = _NO_WORD.sub(" ", summary).strip().casefold()
    return not words or words in QUIET_WORDS


def _is_metadata(key: str) -> bool:
    return key.replace("_", "").replace("-", "").casefold() in METADATA


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
