"""What the model sees of a report: always the same measures, finite and bounded, and not the agent."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring.reward.features import Features, extract_features
from app.scoring.rubric import RunReport, score

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)


def features(actions: Any, status: str = "success", agent_id: str = "sage") -> Features:
    run = RunReport(agent_id, status, actions)
    return extract_features(run, score(run))


@given(actions=st.dictionaries(st.text(max_size=12), JSON, max_size=6))
def test_any_report_has_the_same_measures_all_of_them_finite(actions: dict[str, Any]) -> None:
    found = features(actions)
    assert found.measures.keys() == features({}).measures.keys()
    assert all(map(math.isfinite, found.measures.values()))
    assert all(0 < value <= 2 for value in found.terms.values())


def test_the_rubric_and_all_its_dimensions_are_measures() -> None:
    run = RunReport("sage", "success", {"summary": "Fixed a leak in session.py", "tests_passed": 14})
    scored = score(run)
    measures = extract_features(run, scored).measures
    assert measures["rubric"] == scored.auto
    assert {name: measures[f"dimension {name}"] for name in scored.dimensions} == scored.dimensions


def test_who_reported_makes_no_difference() -> None:
    assert features({"summary": "Fixed it"}) == features({"summary": "Fixed it"}, agent_id="nova")


def test_words_keys_and_numbers_are_terms() -> None:
    terms = features({"summary": "Audit of billing", "rows": {"read": 48_000}}).terms
    assert {"word audit", "word billing", "key summary", "key read", "number read"} <= terms.keys()
    assert "word of" not in terms


def test_what_looks_like_an_id_is_no_word() -> None:
    terms = features({"summary": "Rotated key a1b2c3d4 for tenant 4711"}).terms
    assert [name for name in terms if any(map(str.isdigit, name))] == []


def test_scripts_without_spaces_have_words_too() -> None:
    assert "word 部署" in features({"summary": "支付服务部署完成"}).terms


@pytest.mark.parametrize("words", [10, 100_000])
def test_a_long_report_has_no_more_terms_than_allowed(words: int) -> None:
    text = " ".join("".join(chr(97 + int(digit)) for digit in str(n)) + "x" for n in range(words))
    assert len(features({"summary": text}).terms) <= 400
