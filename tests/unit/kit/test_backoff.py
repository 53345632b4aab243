"""When what failed is tried again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.kit.backoff import Backoff

MINUTES = tuple(timedelta(minutes=n) for n in (1, 5, 30))


def test_listed_delays_follow_each_other_and_the_last_one_is_repeated() -> None:
    schedule = Backoff(MINUTES)
    assert [schedule.delay(failures) for failures in (1, 2, 3, 4, 1000)] == [*MINUTES, *MINUTES[-1:] * 2]


def test_exponential_delays_grow_up_to_the_longest() -> None:
    schedule = Backoff.exponential(timedelta(seconds=3), timedelta(seconds=100), growth=5)
    assert [schedule.delay(n).total_seconds() for n in range(1, 6)] == [3, 15, 75, 100, 100]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_chance_spreads_a_delay_between_its_two_bounds(failures: int, chance: float) -> None:
    schedule = Backoff(MINUTES, spread=(0.8, 1.2))
    delay = Backoff(MINUTES).delay(failures)
    assert schedule.delay(failures, 0) == 0.8 * delay
    assert schedule.delay(failures, 1) == 1.2 * delay
    assert 0.8 * delay <= schedule.delay(failures, chance) <= 1.2 * delay
