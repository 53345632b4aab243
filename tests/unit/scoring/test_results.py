"""Which result counts, how it is shown, and when a failure is tried again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring.domain.results import (
    MAX_ATTEMPTS,
    Result,
    current,
    failed,
    needs_row,
    shown_result,
    succeeded,
    to_json,
    with_attempts,
)
from app.scoring.rubric import Score

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
IN_USE = {"rubric": "2", "reward": "7"}


def result(scorer: str, version: str, minutes: int = 0) -> Result:
    """A score of that scorer."""
    return succeeded(scorer, version, Score(0.5, {}, ()), NOW + timedelta(minutes=minutes))


def failure(scorer: str, version: str) -> Result:
    """A failure of that scorer."""
    return failed(scorer, version, "no", NOW)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([result("rubric", "2"), result("reward", "7"), result("judge", "a")], ("judge", "a")),
        ([result("rubric", "2"), result("reward", "7")], ("reward", "7")),
        ([result("rubric", "2"), result("reward", "6", 9)], ("rubric", "2")),
        ([result("rubric", "2"), result("rubric", "1", 9)], ("rubric", "2")),
        ([result("rubric", "0"), result("rubric", "1", 9)], ("rubric", "1")),
        ([result("judge", "a", 9), result("judge", "b")], ("judge", "a")),
        ([result("rubric", "1"), failure("rubric", "2")], ("rubric", "1")),
        ([failure("rubric", "1"), failure("rubric", "2")], ("rubric", "2")),
        ([failure("judge", "a"), failure("rubric", "2")], ("rubric", "2")),
        ([result("somebody's", "1", 9), result("rubric", "2")], ("rubric", "2")),
    ],
)
def test_one_result_counts_in_whatever_order_they_come(
    results: list[Result], expected: tuple[str, str]
) -> None:
    for order in (results, results[::-1]):
        counts = current(order, IN_USE)
        assert counts is not None
        assert counts.kind == expected


@pytest.mark.parametrize("results", [[], [failure("judge", "a")], [result("reward", "6")]])
def test_before_the_rubric_nothing_counts(results: list[Result]) -> None:
    assert current(results, IN_USE) is None


def test_no_reward_model_counts_while_none_is_promoted() -> None:
    counts = current([result("reward", "7"), result("rubric", "2")], {"rubric": "2"})
    assert counts is not None
    assert counts.scorer == "rubric"


def test_the_delays_grow_and_end() -> None:
    tried, delays = None, []
    while tried is None or tried.retry_at is not None:
        tried = with_attempts(failure("rubric", "2"), uuid4(), tried)
        if tried.retry_at is not None:
            delays.append((tried.retry_at - NOW) / timedelta(minutes=1))
    assert tried.attempts == MAX_ATTEMPTS
    assert len(delays) == 3
    for delay, about in zip(delays, (1, 5, 30), strict=True):
        assert 0.8 * about <= delay <= 1.2 * about


def test_what_failed_together_is_not_tried_together() -> None:
    times = {with_attempts(failure("rubric", "2"), uuid4(), None).retry_at for _ in range(50)}
    assert len(times) > 25


def test_tries_are_counted_anew_after_a_score() -> None:
    scored = replace(result("rubric", "2"), attempts=3)
    assert with_attempts(failure("rubric", "2"), uuid4(), scored).attempts == 1


def test_a_failure_says_when_it_is_tried_again_as_long_as_it_is() -> None:
    tried = replace(failure("rubric", "2"), retry_at=NOW)
    assert to_json(tried, None) == {
        "overall": None,
        "error": "no",
        "attempts": 1,
        "retry_at": "2026-11-22T10:00:00Z",
    }
    assert "retry_at" not in to_json(replace(tried, retry_at=None), None)


def test_a_rating_decides_overall_of_a_failure_too() -> None:
    shown = to_json(failure("rubric", "2"), {"rating": 0.25, "raters": 1})
    assert (shown["overall"], shown["error"], shown["human"]) == (0.25, "no", {"rating": 0.25, "raters": 1})


def test_an_errors_text_is_kept_short_and_printable() -> None:
    error = failed("rubric", "2", "\x1b[2J" + "x" * 10_000, NOW).error
    assert error is not None
    assert len(error) == 500
    assert error.isprintable()


shares = st.floats(0, 1)
shown_results = st.builds(
    Result,
    st.sampled_from(["rubric", "reward", "judge"]),
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
    shares,
    st.none() | st.dictionaries(st.text(), shares),
    st.none() | st.lists(st.text()),
)


@given(shown_results, st.none() | st.just({"rating": 0.25, "raters": 2}))
def test_what_a_run_shows_is_read_back_as_it_was(result: Result, human: dict[str, float] | None) -> None:
    shown = msgspec.json.decode(msgspec.json.encode(to_json(result, human)))
    assert shown_result(shown) == result


def test_a_failure_is_no_result_that_a_run_shows() -> None:
    assert shown_result(to_json(failure("rubric", "2"), None)) is None
    assert shown_result(None) is None


def test_all_but_what_the_run_shows_needs_a_row() -> None:
    rubric, judge = result("rubric", "2"), result("judge", "a")
    assert not needs_row(rubric, rubric)
    assert needs_row(rubric, judge)
    assert needs_row(rubric, None)
    assert needs_row(judge, judge)
    assert needs_row(failure("rubric", "1"), rubric)
