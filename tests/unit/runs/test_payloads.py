"""Payloads by their parts, and what two of them differ in."""

import json

import pytest

from app.runs.payloads import (
    MOST_COMPARED,
    MOST_NAMED,
    Change,
    Member,
    NumberText,
    difference,
    part_at,
    pointer_to,
    read_payload,
)

ODD_NAMES = {"a/b": {"c~d": [10, {"": "found"}]}, "~1": 1, "": {"": 2}}


def test_numbers_stay_as_they_were_sent() -> None:
    assert read_payload('{"n": [1.50, 1e400, 123456789012345678901234567890]}') == {
        "n": ["1.50", "1e400", "123456789012345678901234567890"]
    }
    assert isinstance(read_payload("1.50"), NumberText)


@pytest.mark.parametrize("depth", [101, 900, 100_000])
def test_what_is_nested_too_deep_stays_text(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert read_payload(text) == text


def test_every_part_has_a_pointer_of_its_own() -> None:
    pointer = pointer_to(pointer_to(pointer_to(pointer_to("", "a/b"), "c~d"), "1"), "")
    assert pointer == "/a~1b/c~0d/1/"
    assert part_at(ODD_NAMES, pointer) == "found"
    assert part_at(ODD_NAMES, pointer_to("", "~1")) == 1
    assert part_at(ODD_NAMES, "//") == 2
    assert part_at(ODD_NAMES, "") == ODD_NAMES


@pytest.mark.parametrize("pointer", ["a", "/no", "/a~1b/c~0d/2", "/a~1b/c~0d/-1", "/a~1b/c~0d/²", "/~01/x"])
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    with pytest.raises(LookupError):
        part_at(ODD_NAMES, pointer)


def test_a_difference_names_what_is_missing_new_and_changed() -> None:
    before = {
        "summary": "Fixed it",
        "pr": "#1",
        "tests": {"run": 14, "passed": 14},
        "files": ["a"],
        "same": None,
    }
    after = {
        "summary": "Fixed it",
        "tests": {"run": 14, "passed": 12},
        "files": [],
        "note": True,
        "same": None,
    }
    found = difference(before, after)
    assert found.missing == [Member(("pr",), "“#1”")]
    assert found.added == [Member(("note",), "true")]
    assert found.changed == [Change(("tests", "passed"), "14", "12"), Change(("files",), "1 item", "0 items")]
    assert not difference(before, before)


def test_lists_of_one_length_say_how_many_items_differ() -> None:
    assert difference({"n": [1, 2, 3]}, {"n": [1, 5, 3]}).changed == [
        Change(("n",), "3 items", "3 items, of which 1 differs")
    ]


def test_a_difference_is_bounded_and_counts_the_rest() -> None:
    found = difference({str(n): n for n in range(50)}, {})
    assert (len(found.missing), found.more) == (MOST_NAMED, 30)
    many = {str(n): {str(m): m for m in range(100)} for n in range(1000)}
    changed = json.loads(json.dumps(many).replace("5", "6"))
    assert len(difference(many, changed).changed) + difference(many, changed).more <= MOST_COMPARED


def test_values_of_another_kind_are_a_change() -> None:
    assert difference({"a": {"b": 1}}, {"a": "x" * 500}).changed == [
        Change(("a",), "1 key", f"“{'x' * 119}…”")
    ]
    assert difference("text", {"a": 1}).changed == [Change((), "“text”", "1 key")]
