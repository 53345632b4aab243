"""The bounded walk over a payload."""

from decimal import Decimal
from typing import Any

import pytest

from app.scoring.rubric.payload import MAX_CHILDREN, MAX_NODES, MAX_STRING, MAX_TEXT, as_number, read


@pytest.mark.parametrize(
    "key", ["tests_passed", "testsPassed", "tests-passed", "Tests Passed", "TESTS_PASSED"]
)
def test_keys_of_any_convention_have_the_same_words(key: str) -> None:
    assert read({key: 1}).leaves[0].words == ("tests", "passed")


def test_array_elements_carry_the_key_of_their_array() -> None:
    leaves = read({"files": ["a.py", {"name": "b.py"}]}).leaves
    assert [(leaf.words, leaf.value, leaf.in_list) for leaf in leaves] == [
        (("files",), "a.py", True),
        (("name",), "b.py", False),
    ]


def test_the_top_level_is_read_before_what_lies_below() -> None:
    leaves = read({"rows": [[n] * 50 for n in range(200)], "summary": "seen"}).leaves
    assert leaves[0].value == "seen"


def test_leaves_children_and_text_are_bounded() -> None:
    payload = read({"texts": ["x" * 10_000] * 300, "rows": [list(range(500))] * 500})
    texts = [leaf.value for leaf in payload.leaves if isinstance(leaf.value, str)]
    assert len(payload.leaves) < MAX_NODES + MAX_CHILDREN
    assert max(map(len, texts)) == MAX_STRING
    assert sum(map(len, texts)) == MAX_TEXT


def test_the_scheduler_s_own_fields_are_left_out() -> None:
    payload = read({"durationMs": 5, "sessionId": "s", "usage": {"input_tokens": 1}, "summary": "kept"})
    assert [leaf.value for leaf in payload.leaves] == ["kept"]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (10**400, 1e18),
        (-(10**400), -1e18),
        (Decimal("1e999999"), 1e18),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), None),
        (float("inf"), None),
        (True, None),
        ("3", None),
        (None, None),
    ],
)
def test_any_number_becomes_a_finite_float(value: Any, number: float | None) -> None:
    assert as_number(value) == number
