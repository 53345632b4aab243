"""`is_silent` against the definition of a silent run, and the page that documents it against the code."""

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs.silence import is_silent
from app.silent_texts import ENVELOPE, ENVELOPE_OUTSIDE_LISTS, PROCESS_FIELDS, QUIET_REPLIES

PAGE = Path(__file__).parents[3] / "docs/reference/silence.md"
META = {
    "durationMs": 0,
    "model": "m-1",
    "provider": "p",
    "usage": {"input_tokens": 812, "output": 0},
    "session_id": "5f0c",
    "stopReason": "end",
    "deliveryStatus": "not-delivered",
    "delivered": False,
    "exitCode": 0,
}

blank = st.sampled_from([None, "", "  ", "\n\t"])
empty_values = st.recursive(
    blank, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
meaningful_leaves = (
    st.integers() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(["x", " 7 ", "ok, 3 files"])
)


@pytest.mark.parametrize(
    "actions",
    [
        {},
        {"summary": None},
        {"summary": "   "},
        {"summary": "NO_REPLY", "items": [], "meta": {"notes": ["", None, {}]}},
        {"message": "NO_REPLY"},
        {"result": {"text": "HEARTBEAT_OK"}},
        {"summary": ["HEARTBEAT_OK"]},
        {"status": "ok", "action": "finished", "summary": "done"},
        {"no_op": True},
        {"noOp": True, "reason": " "},
        {"no_op": True, "reason": None, "summary": "Nothing to do"},
        {"reason": "ok"},
        {"a": {"b": [{"c": []}, "", None]}},
        {"durationMs": 812},
        {"DURATION-MS": 0, "Session.Id": "x"},
        {"run": {"id": "5f0c", "host": "web-3", "version": "2.1", "elapsed": 3.5}},
        {"steps": [{"durationMs": 5, "usage": {"anything": [1, True, "text"]}}]},
        {"usage": 5, "job": {"name": "nightly", "steps": [1, 2]}},
    ],
)
def test_silent(actions: dict[str, Any]) -> None:
    assert is_silent(actions)


@pytest.mark.parametrize(
    "text",
    [
        "NO_REPLY",
        " HEARTBEAT_OK\n",
        "**HEARTBEAT_OK**",
        "HEARTBEAT_OK.",
        "`no_reply`",
        "[SILENT]",
        "(empty response)",
        "\u201cok\u201d",
        "OK!",
        "Done",
        ".",
        "\u3002",
        "Nothing to do",
        "N/A",
        "No-op",
        "\U0001f44d",
        "\u2705 done",
        "\u200b",
    ],
)
def test_a_quiet_reply_is_silent_with_an_envelope_or_without(text: str) -> None:
    assert is_silent({"summary": text})
    assert is_silent({"summary": text, **META})
    assert is_silent({"result": {"text": text, **META}})


@pytest.mark.parametrize(
    "actions",
    [
        {"summary": "Backed up 3 databases"},
        {"summary": "Checked the inbox, no new messages"},
        {"summary": "Done: 3 invoices"},
        {"summary": "ok", "invoices": 0},
        {"summary": "0"},
        {"summary": "\u5b8c\u6210\u4e86\u4e09\u9879\u4efb\u52a1"},
        {"summary": "o\u212a"},
        {"summary": "NO_REPLY", "rows": 0},
        {"rows": 0},
        {"ok": False},
        {"a": {"b": [{"c": [0.0]}, "", None]}},
        {"no_op": True, "reason": "bank holiday"},
        {"noOp": True, "reason": "ok", **META},
        {"no_op": True, "items": 5},
        {"no_op": False},
        {"no_op": "true"},
        {"steps": [{"no_op": True}]},
        {"closed": [{"id": 4711}]},
        {"releases": [{"service": {"version": "2.1"}}]},
        {"duration_of_outage": 5},
    ],
)
def test_not_silent(actions: dict[str, Any]) -> None:
    assert not is_silent(actions)


@pytest.mark.parametrize("length", [60, 100])
def test_a_name_is_a_name_however_long_its_separators_are(length: int) -> None:
    assert is_silent({"duration" + "_" * length + "ms": 5})


@pytest.mark.parametrize("part", [{}, [], {"": {}}, {"": ""}, [[]], [""], {"items": [{}]}])
def test_a_report_of_many_empty_parts_is_looked_through_in_little_memory(part: Any) -> None:
    actions = {"items": [part] * 50_000}
    tracemalloc.start()
    try:
        assert is_silent(actions)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


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


def test_the_page_lists_what_the_code_has() -> None:
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    listed = {
        title: set(re.findall("`([^`]+)`", " ".join(re.findall(r"^(?:\| |- |  ).*", section, re.MULTILINE))))
        for title, section in sections.items()
    }
    assert listed == {
        "Quiet replies": QUIET_REPLIES,
        "The envelope": frozenset().union(*ENVELOPE.values()),
        "The envelope outside lists": frozenset().union(*ENVELOPE_OUTSIDE_LISTS.values()),
        "Fields of the process": PROCESS_FIELDS,
    }
