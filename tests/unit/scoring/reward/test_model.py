"""Scoring by a model: the rubric's order until it has learnt, a mapping to ratings, and reasons."""

import json

import pytest
from simulated_reports import simulated_reports

from app.scoring.reward.features import extract_features
from app.scoring.reward.model import Calibration, Measure, RewardModel
from app.scoring.rubric import RunReport, Score, score

PLAIN = RewardModel(1.0, {"rubric": Measure(0.5, 0.2, 0.0)}, {}, Calibration(0.0, 1.0))
TASTE = RewardModel(
    1.0,
    {"rubric": Measure(0.5, 0.2, 0.0), "words": Measure(2.5, 0.8, -0.6), "failed": Measure(0.2, 0.4, -0.4)},
    {"word security": 0.9, "key commit": 0.5},
    Calibration(0.2, 1.1),
)
RUNS = simulated_reports(200, seed=3)


def test_without_weights_the_order_is_the_rubrics() -> None:
    scored = [score(run) for run in RUNS]
    pairs = sorted(
        (of.auto, PLAIN.linear(extract_features(run, of))) for run, of in zip(RUNS, scored, strict=True)
    )
    assert [linear for _, linear in pairs] == sorted(linear for _, linear in pairs)


def test_scores_are_within_bounds_and_keep_the_rubrics_dimensions() -> None:
    for run in RUNS:
        scored = score(run)
        rewarded = TASTE.score(run, scored)
        assert 0 <= rewarded.auto <= 1
        assert rewarded.dimensions == scored.dimensions
        assert set(scored.reasons) <= set(rewarded.reasons)


def test_the_order_after_calibration_is_the_one_before() -> None:
    points = [n / 10 for n in range(-80, 80)]
    mapped = [TASTE.calibration(point) for point in points]
    assert mapped == sorted(mapped)


def test_parameters_survive_json() -> None:
    again = RewardModel.of(json.loads(json.dumps(TASTE.parameters())))
    assert [again.score(run, score(run)) for run in RUNS] == [TASTE.score(run, score(run)) for run in RUNS]


def test_reasons_say_what_moved_the_score() -> None:
    run = RunReport("sage", "success", {"summary": "security: patched 3 images", "commit": "9f3c1e7"})
    reasons = TASTE.score(run, score(run)).reasons
    assert [reason.partition(" for ")[2] for reason in reasons[:3]] == [
        "the word 'security'",
        "the length of the report below the usual",
        "the field 'commit'",
    ]
    assert all(reason.startswith("people's ratings: +0.") for reason in reasons[:3])


GENEROUS = RewardModel(TASTE.prior, TASTE.measures, TASTE.terms, Calibration(5.0, 1.0))


def test_a_silent_run_is_not_lifted() -> None:
    run = RunReport("sage", "success", {"summary": "HEARTBEAT_OK"})
    assert GENEROUS.score(run, score(run)).auto <= score(run).auto


@pytest.mark.parametrize("dimension", ["risk", "gaming"])
def test_what_is_worthless_whatever_it_says_is_not_lifted(dimension: str) -> None:
    run = RunReport("sage", "success", {"summary": "security: patched 3 images", "commit": "9f3c1e7"})
    scored = score(run)
    low = Score(0.2, {**scored.dimensions, dimension: 0.1}, scored.reasons)
    assert GENEROUS.score(run, scored).auto > 0.9
    assert GENEROUS.score(run, low).auto == 0.2


def test_a_measure_that_is_no_more_adds_nothing() -> None:
    measures = {**TASTE.measures, "dimension of old": Measure(0.5, 0.1, 3.0)}
    other = RewardModel(TASTE.prior, measures, TASTE.terms, TASTE.calibration)
    assert other.score(RUNS[0], score(RUNS[0])) == TASTE.score(RUNS[0], score(RUNS[0]))
