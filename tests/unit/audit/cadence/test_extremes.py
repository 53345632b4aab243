"""What comes once in a long time, by the largest of what was seen."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from app.audit.cadence.extremes import Extremes

HOUR, DAY = 3_600.0, 86_400.0


def seen(draw: Callable[[random.Random], float], count: int, seed: int = 1, **options: Any) -> Extremes:
    """So many values, one a day."""
    chance, extremes = random.Random(seed), Extremes(**options)
    for day in range(count):
        extremes.add(draw(chance), day * DAY)
    return extremes


@pytest.mark.parametrize(
    ("draw", "quantile"),
    [
        (lambda chance: chance.paretovariate(2), 1000 ** (1 / 2)),
        (lambda chance: chance.lognormvariate(0, 1), 21.98),
        (lambda chance: chance.expovariate(1), 6.91),
        (lambda chance: chance.uniform(1, 2), 2.0),
    ],
    ids=["Pareto", "log-normal", "exponential", "uniform"],
)
def test_the_level_is_near_the_quantile_and_rather_above(
    draw: Callable[[random.Random], float], quantile: float
) -> None:
    """The median of many estimates from 35 values of what one value in 1,000 exceeds."""
    levels = sorted(seen(draw, 100, seed).level(1000 * DAY) for seed in range(200))
    assert 0.8 * quantile < levels[100] < 4 * quantile
    assert sum(level >= quantile for level in levels) >= 90


def test_the_level_is_never_below_the_largest() -> None:
    found = seen(lambda chance: chance.random() + 1, 50)
    assert found.level(1.0) == found.longest


def test_nothing_is_known_of_nothing() -> None:
    assert (len(Extremes()), Extremes().longest, Extremes().level(DAY)) == (0, 0.0, 0.0)


def test_how_often_a_value_was_exceeded() -> None:
    extremes = Extremes()
    for day in range(16):
        assert not extremes.exceed(60, 16)
        extremes.add(100 + day, day * 86_400)
    assert extremes.exceed(60, 16)
    assert not extremes.exceed(100, 16)
    assert extremes.exceed(100, 15)


def test_the_tail_may_be_taken_for_heavier_by_its_standard_error() -> None:
    """Five of six estimates of the quantile of a heavy tail are not below it then, instead of half."""

    def draw(chance: random.Random) -> float:
        return chance.paretovariate(1.5)

    quantile = 1000 ** (1 / 1.5)
    plain, cautious = (
        sum(
            seen(draw, 35, seed, tail=0.5, errors=errors).level(1000 * DAY) >= quantile for seed in range(200)
        )
        for errors in (0, 1)
    )
    assert plain < 130
    assert cautious > 160


def test_what_is_long_ago_is_forgotten_but_not_the_newest_fifty() -> None:
    found = Extremes()
    found.add(1000.0, 0.0)
    for day in range(1, 49):
        found.add(1.0, day * DAY)
    assert found.longest == 1000.0
    for day in range(49, 60):
        found.add(1.0, day * DAY)
    assert found.longest == 1.0


def test_largest_that_are_alike_and_apart_recur() -> None:
    week = [62.0 * 3600 if day % 7 == 0 else 14.0 * 3600 for day in range(1, 36)]
    found = Extremes()
    for day, value in enumerate(week):
        found.add(value, day * DAY)
    assert found.recur(14 * 3600)
    assert not seen(lambda chance: chance.lognormvariate(0, 1), 100).recur(1.0)


def test_the_size_of_doubtful_values_changes_little() -> None:
    sound, doubted = Extremes(doubtful=2), Extremes(doubtful=2)
    for day in range(20):
        sound.add(600.0 + 10 * day, day * DAY)
        doubted.add(600.0 + 10 * day if day < 18 else 90_000.0, day * DAY)
    assert doubted.level(1000 * DAY) == pytest.approx(sound.level(1000 * DAY))


@pytest.mark.parametrize("doubtful", [0, 2])
def test_the_level_of_any_values_is_a_number(doubtful: int) -> None:
    found = Extremes(doubtful=doubtful)
    for place, value in enumerate([1e-6, 1e9, 1e9, 1e9, 3.0, 1e9]):
        found.add(value, place * 1.0)
        assert 0 <= found.level(3_000 * DAY) < 1e60


def test_gaps_alike_recur_as_rests_do_only_where_they_end_at_one_time_of_the_day() -> None:
    for hours, recur in (((24, 48, 72, 96), True), ((24, 55, 81, 110), False)):
        extremes = Extremes()
        for number in range(100):
            extremes.add(HOUR, number * HOUR)
        for at in hours:
            extremes.add(10 * HOUR, (100 + at) * HOUR)
        assert extremes.recur(HOUR) is recur
