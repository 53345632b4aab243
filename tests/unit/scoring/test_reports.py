"""Reports from rows that other programs wrote: of any JSON, nested as deep as they like."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring.reports import _loads_any_depth, read_report
from app.scoring.reward.features import extract_features
from app.scoring.rubric import RunReport, score

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANY_JSON = st.recursive(SCALARS, lambda child: st.lists(child) | st.dictionaries(st.text(), child))


@given(ANY_JSON, st.sampled_from([None, 1]))
def test_the_reader_of_deep_documents_reads_any_json(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert _loads_any_depth(text) == json.loads(text)


@pytest.mark.parametrize("levels", [498, 499, 500, 501, 502, 503, 700])
@pytest.mark.parametrize(
    "inner", ['{"failed": 3, "b": {"c": [1]}}', "[[], {}]", '[["v1.2.3"], 7]', '{"a": null}']
)
@pytest.mark.parametrize(
    ("before", "after"), [('{"a":', "}"), ("[", "]"), ('["x", ', ', {"files": ["a.py"]}]')]
)
def test_what_is_too_deep_for_python_gets_the_score_of_the_whole(
    levels: int, inner: str, before: str, after: str
) -> None:
    text = f'{{"summary": "Walked the tree", "tree": {before * levels}{inner}{after * levels}}}'
    whole = RunReport("sage", "success", json.loads(text))
    read = RunReport("sage", "success", _loads_any_depth(text))
    assert read.payload == whole.payload
    assert score(read) == score(whole)
    assert extract_features(read, score(read)) == extract_features(whole, score(whole))


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        (None, {}),
        ("null", {}),
        ('""', {}),
        ("[]", {}),
        ("0", {"content": 0}),
        ("false", {"content": False}),
        ('"Fixed a leak"', {"content": "Fixed a leak"}),
        ('[{"summary": "Fixed a leak"}]', {"content": [{"summary": "Fixed a leak"}]}),
        ('{"content": 1}', {"content": 1}),
    ],
)
def test_what_is_no_object_is_read_as_content(payload: str | None, read: Any) -> None:
    assert read_report("sage", "success", payload).actions_taken == read


def test_the_reasons_are_those_of_the_content() -> None:
    scored = score(read_report("sage", "success", '"Fixed the leak in session.py, 14 of 14 tests pass"'))
    assert "names 1 file" in scored.reasons
    assert "has no summary" in scored.reasons
    assert (
        "says nothing about the run" in score(read_report("sage", "success", "[" * 5000 + "]" * 5000)).reasons
    )
