"""When a run is silent: the rule behind `consecutive_silence_count`, the Auditor's findings and scores.

Rows that plain SQL inserts are counted by a trigger, which says the same rule in SQL (`app.models.silence`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from app.silent_texts import (
    ENVELOPE,
    ENVELOPE_OUTSIDE_LISTS,
    NO_OP,
    PROCESS_FIELDS,
    QUIET_TEXT,
    field_name,
    field_names,
)

_LONGEST_KNOWN = 64  # characters of a key that is kept in a cache; bound on its memory
_ANYWHERE = field_names(*ENVELOPE.values())
_OUTSIDE_LISTS = field_names(*ENVELOPE_OUTSIDE_LISTS.values(), PROCESS_FIELDS)
_quiet_text = re.compile(QUIET_TEXT).match


class _Field(Enum):
    OUTPUT = auto()
    ENVELOPE = auto()
    ENVELOPE_OUTSIDE_LISTS = auto()
    NO_OP = auto()


def is_silent(actions: Mapping[str, Any]) -> bool:
    """Whether `actions_taken` holds no output of the agent.

    These are dropped at every depth:

    1. what no agent writes: `ENVELOPE` and, outside lists, `ENVELOPE_OUTSIDE_LISTS` and `PROCESS_FIELDS`;
    2. nulls, blank texts and quiet replies (`QUIET_TEXT`);
    3. empty arrays and objects, and what is empty after this;
    4. a top-level `"no_op": true`, unless it is declared (`declares_no_op`).

    The run is silent when nothing is left. Numbers and booleans of other fields are output, 0 and false too.
    """
    summary = actions.get("summary")
    if isinstance(summary, str) and not _quiet_text(summary):
        return False  # most runs end here
    return not (_hold_output(_top_fields(actions)) or declares_no_op(actions))


def _hold_output(values: Iterable[Any]) -> bool:
    # Each container is gone through before the next one is begun: what is kept grows with the depth alone.
    begun: list[tuple[Iterator[Any], bool]] = [(iter(values), False)]
    while begun:
        rest, in_list = begun[-1]
        for value in rest:
            if isinstance(value, (dict, list)):
                if value:
                    begun.append(_parts(value, in_list))
                    break
            elif value is not None and not (isinstance(value, str) and _quiet_text(value)):
                return True
        else:
            begun.pop()
    return False


def _parts(container: dict[str, Any] | list[Any], in_list: bool) -> tuple[Iterator[Any], bool]:
    """What may be output of a container, and whether it is within a list."""
    if isinstance(container, list):
        return iter(container), True
    return _fields(container, in_list), in_list


def is_quiet(text: str) -> bool:
    """Whether a text is no output: blank, or a quiet reply such as `[SILENT]`, `**HEARTBEAT_OK**`, `Done.`"""
    return _quiet_text(text) is not None


def declares_no_op(actions: Mapping[str, Any]) -> bool:
    """Whether a run says that it had nothing to do, and why: `{"no_op": true, "reason": "bank holiday"}`."""
    reason = actions.get("reason")
    if not isinstance(reason, str) or not reason or reason.isspace():
        return False
    return any(value is True and _field(key) is _Field.NO_OP for key, value in actions.items())


def _top_fields(actions: Mapping[str, Any]) -> Iterator[Any]:
    for key, value in actions.items():
        field = _field(key)
        if field is _Field.OUTPUT or (field is _Field.NO_OP and value is not True):
            yield value


def _fields(container: dict[str, Any], in_list: bool) -> Iterator[Any]:
    for key, value in container.items():
        field = _field(key)
        if field is not _Field.ENVELOPE and (in_list or field is not _Field.ENVELOPE_OUTSIDE_LISTS):
            yield value


def _field(key: str) -> _Field:
    return _known_field(key) if len(key) <= _LONGEST_KNOWN else _read_field(key)


def _read_field(key: str) -> _Field:
    name = field_name(key)
    if name in _ANYWHERE:
        return _Field.ENVELOPE
    if name in _OUTSIDE_LISTS:
        return _Field.ENVELOPE_OUTSIDE_LISTS
    return _Field.NO_OP if name == NO_OP else _Field.OUTPUT


_known_field = lru_cache(maxsize=4096)(_read_field)
