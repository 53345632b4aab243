"""`is_silent` against the definition of a silent run."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs.silence import is_silent

blank = st.sampled_from([None, "", "  ", "\n\t"])
empty_values = st.recursive(
    blank, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
meaningful_leaves = (
    st.integers() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(["x", " ok "])
)


@pytest.mark.parametrize(
    "actions",
    [
        {},
        {"summary": None},
        {"summary": "   "},
        {"summary": "NO_REPLY"},
        {"summary": " HEARTBEAT_OK\n"},
        {"summary": "NO_REPLY", "items": [], "meta": {"notes": ["", None, {}]}},
        {"no_op": True},
        {"no_op": True, "reason": " "},
        {"no_op": True, "reason": None, "summary": "NO_REPLY"},
        {"a": {"b": [{"c": []}, "", None]}},
    ],
)
def test_silent(actions: dict[str, Any]) -> None:
    assert is_silent(actions)


@pytest.mark.parametrize(
    "actions",
    [
        {"summary": "Backed up 3 databases"},
        {"summary": "no_reply"},
        {"summary": "NO_REPLY", "rows": 0},
        {"message": "NO_REPLY"},
        {"nested": {"summary": "NO_REPLY"}},
        {"summary": ["HEARTBEAT_OK"]},
        {"rows": 0},
        {"ok": False},
        {"a": {"b": [{"c": [0.0]}, "", None]}},
        {"no_op": True, "reason": "bank holiday"},
        {"no_op": True, "items": 5},
        {"no_op": False},
        {"no_op": "true"},
        {"steps": [{"no_op": True}]},
    ],
)
def test_not_silent(actions: dict[str, Any]) -> None:
    assert not is_silent(actions)


@given(st.dictionaries(st.text(max_size=8), empty_values, max_size=5))
def test_nothing_but_blanks_is_silent(actions: dict[str, Any]) -> None:
    assert is_silent(actions)


@given(st.dictionaries(st.text(max_size=8), empty_values, max_size=5), meaningful_leaves, st.integers(0, 150))
def test_one_leaf_at_any_depth_breaks_the_silence(actions: dict[str, Any], leaf: Any, depth: int) -> None:
    value = leaf
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    assert not is_silent({**actions, "found": value})


def test_very_deep_nesting_does_not_recurse() -> None:
    value: Any = []
    for _ in range(50_000):
        value = [value]
    assert is_silent({"deep": value})
