"""A change is distinguished from chance: seldom seen where there is none, and seen where it is large."""

import random
from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.quality.domain.calibration import LEAST_CHANGE
from app.quality.domain.trend import compare
from app.scoring.domain.comparison import Day, is_other_scorer

WEEK = 7
TRIALS = 1_000
RUNS_IN_TRIALS = 240_000  # of both weeks: of many runs fewer trials say as much


def days(*scores: Sequence[float]) -> list[Day]:
    return [Day(sum(of_day), len(of_day)) for of_day in scores]


def week(
    chance: random.Random,
    runs: int,
    *,
    mean: float = 0.7,
    noise: float = 0.15,
    of_days: float = 0.0,
    memory: float = 0.0,
    failures: float = 0.0,
) -> list[Day]:
    """A week of runs: what a day does to all of it, what a run keeps of the one before, sudden failures."""
    level, found = chance.gauss(0, noise), []
    for day in range(WEEK):
        of_day = chance.gauss(0, of_days)
        scores = []
        for _ in range(runs // WEEK + (day < runs % WEEK)):
            level = memory * level + sqrt(1 - memory**2) * chance.gauss(0, noise)
            failed = chance.random() < failures
            scores.append(0.05 if failed else min(max(mean + of_day + level, 0.0), 1.0))
        found.append(Day(sum(scores), len(scores)))
    return found


def share_changed(runs: int, drop: float = 0.0, **kind: float) -> float:
    """How often a change is seen, of so many pairs of weeks."""
    chance = random.Random(1)
    trials, seen = min(TRIALS, RUNS_IN_TRIALS // (2 * runs)), 0
    for _ in range(trials):
        before, now = week(chance, runs, **kind), week(chance, runs, mean=0.7 - drop, **kind)
        seen += compare(now, before).verdict in ("declined" if drop else "improved", "declined")
    return seen / trials


@pytest.mark.parametrize("runs", [14, 50, 300])
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ({}, 0.05),
        ({"noise": 0.3}, 0.05),
        ({"of_days": 0.08}, 0.05),
        ({"memory": 0.3}, 0.07),
        ({"memory": 0.3, "of_days": 0.05, "failures": 0.05}, 0.06),
        ({"noise": 0.02, "failures": 0.03}, 0.05),
    ],
    ids=["plain", "noisy", "days", "memory", "all", "failures"],
)
def test_without_a_change_hardly_any_is_seen(runs: int, kind: dict[str, float], most: float) -> None:
    assert share_changed(runs, **kind) <= most


@pytest.mark.parametrize("runs", [50, 300])
def test_nor_where_each_run_goes_on_from_the_one_before(runs: int) -> None:
    """Seven a day have forgotten by the next; fewer that remember so much drift, and a drift is a change."""
    assert share_changed(runs, memory=0.6) <= 0.06


@pytest.mark.parametrize(
    ("kind", "least"),
    [({}, 0.95), ({"noise": 0.2}, 0.8), ({"noise": 0.1, "failures": 0.03}, 0.95)],
    ids=["plain", "noisy", "failures"],
)
def test_a_drop_of_015_with_50_runs_a_week_is_seen(kind: dict[str, float], least: float) -> None:
    assert share_changed(50, drop=0.15, **kind) >= least


def test_counting_runs_as_witnesses_would_find_what_is_not_there() -> None:
    """Why days are compared: the usual test of two samples, on the same runs, cries wolf."""
    chance = random.Random(1)

    def runs() -> list[float]:
        return [score for _ in range(WEEK) for score in [chance.gauss(0.7, 0.08)] for score in [score] * 20]

    def found(now: list[float], before: list[float]) -> bool:
        error = sqrt((stdev(now) ** 2 + stdev(before) ** 2) / len(now))
        return abs(fmean(now) - fmean(before)) > max(1.98 * error, LEAST_CHANGE)

    assert sum(found(runs(), runs()) for _ in range(500)) / 500 > 0.15


def test_days_of_equal_size_are_compared_as_welch_does() -> None:
    now, before = [0.5, 0.8, 0.6, 0.9, 0.5, 0.7, 0.6], [0.9, 0.7, 0.9, 0.7, 0.8, 0.8, 0.8]
    trend = compare(days(*([x] * 4 for x in now)), days(*([x] * 4 for x in before)))
    # By hand: means 0.657143 and 0.8, variances of the days' means 0.022857 and 0.006667, so a standard
    # error of 0.064944 on 9.21 degrees of freedom; t(0.975, 9) = 2.262.
    assert (trend.mean, trend.previous_mean, trend.change) == (0.6571, 0.8, -0.1429)
    assert trend.interval == pytest.approx((-0.1429 - 0.1469, -0.1429 + 0.1469), abs=0.0002)
    assert (trend.verdict, trend.runs, trend.previous_runs) == ("no_change", 28, 28)


def test_the_mean_is_that_of_all_runs() -> None:
    trend = compare(days([1.0], [0.0] * 9, [0.5] * 10), days([0.3] * 5))
    assert (trend.mean, trend.runs, trend.previous_mean) == (0.3, 20, 0.3)


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (days(*[[0.9] * 2] * 7), days(*[[0.8] * 2] * 7), "improved"),
        (days(*[[0.8] * 2] * 7), days(*[[0.9] * 2] * 7), "declined"),
        (days(*[[0.84] * 2] * 7), days(*[[0.8] * 2] * 7), "no_change"),
        (days(*[[0.9]] * 7), days(*[[0.1] * 2] * 7), "too_few_runs"),
        (days([0.9] * 50, [0.9] * 50), days(*[[0.1] * 9] * 7), "too_few_runs"),
        (days(*[[1.0] * 4, [0.0] * 4] * 3), days(*[[0.0] * 3, [1.0] * 4] * 3), "too_few_runs"),
        ([], days(*[[0.8]] * 7), "too_few_runs"),
        ([], [], "too_few_runs"),
        ([Day(1e300, 7)] * 7, days(*[[0.8]] * 7), "too_few_runs"),
        ([Day(float("inf"), 7)] * 7, days(*[[0.8]] * 7), "too_few_runs"),
    ],
)
def test_verdicts(now: list[Day], before: list[Day], verdict: str) -> None:
    assert compare(now, before).verdict == verdict


def test_another_scorer_is_not_compared() -> None:
    trend = compare(days(*[[0.9]] * 7), days(*[[0.1]] * 7), scorer_changed=True)
    assert (trend.verdict, trend.change, trend.interval) == ("not_comparable", None, None)
    assert (trend.mean, trend.previous_mean, trend.scorer_changed) == (0.9, 0.1, True)


@pytest.mark.parametrize(
    ("now", "before", "other"),
    [
        ({"rubric 1": 10}, {"rubric 1": 500}, False),
        ({"rubric 2": 10}, {"rubric 1": 10}, True),
        ({"rubric 1": 90, "judge a": 10}, {"rubric 1": 100}, False),
        ({"rubric 1": 70, "judge a": 30}, {"rubric 1": 100}, True),
        ({"rubric 1": 50, "judge a": 50}, {"rubric 1": 5, "judge a": 5}, False),
        ({"rubric 1": 5, "people": 5}, {"rubric 1": 10}, True),
        ({}, {"rubric 1": 10}, False),
        ({}, {}, False),
    ],
)
def test_who_scored_is_compared_by_shares(now: dict[str, int], before: dict[str, int], other: bool) -> None:
    assert is_other_scorer(now, before) is other


windows = st.lists(
    st.integers(0, 60).flatmap(lambda n: st.floats(0, 1).map(lambda mean: Day(mean * n, n))), max_size=7
)


@given(windows, windows)
def test_any_two_windows_are_compared(now: list[Day], before: list[Day]) -> None:
    trend, reverse = compare(now, before), compare(before, now)
    assert {trend.verdict, reverse.verdict} in (
        {"improved", "declined"},
        {"no_change"},
        {"too_few_runs"},
    )
    if trend.interval is not None and trend.change is not None:
        assert trend.interval[0] <= trend.change <= trend.interval[1]
        beyond = trend.interval[0] > 0 or trend.interval[1] < 0
        assert beyond or trend.verdict in ("no_change", "too_few_runs")
