"""The one comparison of scores: its quantiles, and windows of unequal length."""

import random

import pytest

from app.scoring.domain.comparison import Day, difference, student_quantile, window_of


@pytest.mark.parametrize(
    ("confidence", "freedom", "quantile"),
    [
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 6, 2.447),
        (0.95, 12, 2.179),
        (0.95, 33, 2.035),
        (0.99, 7, 3.499),
        (0.999, 30, 3.646),
        (0.998, 1, 318.309),
    ],
)
def test_quantiles_are_those_of_the_tables(confidence: float, freedom: int, quantile: float) -> None:
    assert student_quantile(confidence, freedom) == pytest.approx(quantile, abs=0.0006)


def test_a_week_is_compared_with_four() -> None:
    now, before = [0.5, 0.7] * 3 + [0.6], [0.75, 0.85] * 14
    found = difference(*(window_of([Day(4 * mean, 4) for mean in days]) for days in (now, before)))
    # By hand: days by turns leave no positive correlation. The variances of the means are 0.01 / 7 and
    # 0.002593 / 28, so a standard error of 0.039002; Welch's degrees of freedom are 6.80.
    assert found.change == pytest.approx(-0.2)
    assert found.error == pytest.approx(0.039002, abs=1e-5)
    assert found.freedom == 6
    assert found.margin(0.99) == pytest.approx(3.707 * 0.039002, abs=1e-4)


def test_without_a_change_a_week_is_seldom_told_from_the_four_before() -> None:
    chance, seen = random.Random(1), 0
    for _ in range(2_000):
        days = [Day(sum(chance.gauss(0.7, 0.1) for _ in range(4)), 4) for _ in range(35)]
        now, before = window_of(days[:7]), window_of(days[7:])
        assert now
        assert before
        found = difference(now, before)
        seen += abs(found.change) > found.margin(0.95)
    assert seen / 2_000 <= 0.05
