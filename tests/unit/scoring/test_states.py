"""Where a run stands on its way to a score."""

from typing import Any

import pytest

from app.scoring.domain.states import score_word, scoring_state


@pytest.mark.parametrize(
    ("scores", "locked", "expected"),
    [
        (None, False, "queued"),
        (None, True, "scoring"),
        ({"overall": 0.5}, False, "scored"),
        ({"overall": 0.5}, True, "scored"),
        ({"overall": 0, "error": "no", "attempts": 1, "human": {}}, False, "scored"),
        ({"overall": None, "error": "no", "attempts": 1}, True, "scoring"),
        ({"overall": None, "error": "no", "attempts": 1}, False, "error"),
        ({"overall": True}, False, "error"),
        ([], False, "error"),
        ("done", False, "error"),
    ],
)
def test_a_run_is_in_one_state(scores: Any, locked: bool, expected: str) -> None:
    assert scoring_state(scores, locked=locked)["state"] == expected


def test_an_error_tells_all_that_is_known() -> None:
    failure = {"overall": None, "error": "no", "attempts": 2, "retry_at": "2026-11-22T10:00:00Z"}
    failure_only = {key: value for key, value in failure.items() if key != "overall"}
    assert scoring_state(failure, locked=False) == {"state": "error", **failure_only}
    assert scoring_state({"overall": "high", "error": 5}, locked=False) == {
        "state": "error",
        "attempts": 0,
        "error": "rlhf_scores holds no score",
    }


@pytest.mark.parametrize(
    ("scores", "locked", "word"),
    [
        (None, False, "queued"),
        (None, True, "scoring"),
        ({"overall": 0.61}, False, "sound"),
        ({"overall": None, "error": "the worker was lost", "attempts": 1}, False, "failed"),
        ({"overall": "high"}, False, "unknown"),
        (7, False, "unknown"),
    ],
)
def test_a_score_or_its_absence_has_a_word(scores: Any, locked: bool, word: str) -> None:
    assert score_word(scoring_state(scores, locked=locked)) == word
