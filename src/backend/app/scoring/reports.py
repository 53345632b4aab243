"""Runs as scorers read them, from rows of the log, which other programs write too."""

import re
from typing import Any

from app.db.engine import loads_exactly
from app.scoring.rubric import RunReport
from app.scoring.rubric.payload import MAX_NODES

CONTENT = "content"
"""The key under which a payload is read that is no JSON object."""

# The rubric reads no value nested deeper: one container a level, and MAX_NODES of them. Of the containers in
# the last one it still reads the sizes.
_LEVELS = MAX_NODES + 1
_TOKEN = re.compile(r'("(?:[^"\\]++|\\.)*+")(\s*+:)?|[\[\]{}]|[^\s,:\[\]{}"]++')


def read_report(agent_id: str, status: str, payload: str | None) -> RunReport:
    """The report of a run; `payload` is its `actions_taken` as PostgreSQL writes JSON.

    What is no object is read as the object that holds it under `CONTENT`, and an object without anything
    where it is empty. What is nested too deep for Python is read as the same report would be: see
    `_loads_any_depth`.
    """
    text = payload or "{}"
    try:
        actions = loads_exactly(text)
    except RecursionError:
        actions = _loads_any_depth(text)
    if not isinstance(actions, dict):
        actions = {} if actions in (None, "", []) else {CONTENT: actions}
    return RunReport(agent_id, status, actions)


def _loads_any_depth(text: str) -> Any:
    """The value of valid JSON, with each container below `_LEVELS` as a flat array of the scalars in it.

    No scorer sees a difference: nothing else is read there than whether anything is output.
    """
    root: list[Any] = []
    open_ones: list[Any] = [root]
    key, level = "", 0
    for match in _TOKEN.finditer(text):
        string, colon = match.groups()
        part = match.group()
        if colon:
            if level <= _LEVELS:
                key = loads_exactly(string)
        elif part in ("{", "["):
            level += 1
            if level <= _LEVELS + 1:
                child: Any = {} if part == "{" and level <= _LEVELS else []
                _put(open_ones[-1], key, child)
                open_ones.append(child)
        elif part in ("}", "]"):
            if level <= _LEVELS + 1:
                open_ones.pop()
            level -= 1
        else:
            _put(open_ones[-1], key, loads_exactly(part))
    return root[0]


def _put(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    else:
        container.append(value)
