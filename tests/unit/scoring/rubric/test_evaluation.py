"""Accuracy on pairs: credit, ties, categories and the scorers to hold against."""

import pytest

from app.scoring.rubric import RunReport
from app.scoring.rubric.evaluation import SCORERS, Pair, by_length, by_rubric, by_status, evaluate


def run(status: str = "success", **actions: object) -> RunReport:
    return RunReport("sage", status, actions)


def pair(category: str, better: RunReport, worse: RunReport, *history: RunReport) -> Pair:
    return Pair("p", category, better, worse, history)


LONG, SHORT = run(summary="Archived 40 channels idle for 180 days"), run(summary="Done")


def test_a_tie_counts_half() -> None:
    pairs = [pair("a", LONG, SHORT), pair("a", SHORT, LONG), pair("b", LONG, LONG), pair("b", LONG, SHORT)]
    result = evaluate(pairs, by_length)
    assert [scored.credit for scored in result.scored] == [1, 0, 0.5, 1]
    assert result.accuracy == 0.625
    assert result.by_category == {"a": 0.5, "b": 0.75}
    assert [scored.pair for scored in result.wrong] == pairs[1:3]


def test_no_pairs_are_no_accuracy() -> None:
    assert evaluate([], by_length).accuracy == 0


def test_the_history_lies_before_both_sides() -> None:
    earlier = run(summary="Moved wiki to host w-4, 12 GB")
    fresh = run(summary="Moved mail to host m-2, 31 GB")
    assert evaluate([pair("repetition", fresh, earlier, earlier)], by_rubric).accuracy == 1


@pytest.mark.parametrize(("better", "worse"), [("success", "partial"), ("partial", "failed")])
def test_the_status_alone(better: str, worse: str) -> None:
    assert by_status(run(better), ()) > by_status(run(worse), ())


def test_the_rubric_comes_first() -> None:
    assert next(iter(SCORERS.items())) == ("rubric", by_rubric)
