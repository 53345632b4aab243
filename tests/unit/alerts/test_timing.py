"""How often, and how soon again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerts.domain.calibration import GIVE_UP_AFTER, RATE_WINDOW
from app.alerts.domain.timing import RETRIES, gives_up, throttled_until

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GAPS = st.lists(st.floats(0, 7200), max_size=30)


def test_the_seventh_message_of_an_hour_waits_for_the_first_to_be_an_hour_ago() -> None:
    begun = [NOW - timedelta(minutes=minutes) for minutes in (50, 40, 30, 20, 10, 0)]
    assert throttled_until(begun, 7, NOW) is None
    assert throttled_until(begun, 6, NOW) == NOW + timedelta(minutes=10)
    assert throttled_until(begun, 1, NOW) == NOW + RATE_WINDOW
    assert throttled_until([], 1, NOW) is None


@given(GAPS, st.integers(1, 8))
def test_no_hour_has_more_than_the_limit_and_nobody_waits_longer_than_an_hour(
    gaps: list[float], limit: int
) -> None:
    now, sent = NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        free = throttled_until(sent, limit, now)
        if free is not None:
            assert now < free <= now + RATE_WINDOW
            assert throttled_until(sent, limit, free) is None
        else:
            sent.append(now)
    for moment in sent:
        assert len([other for other in sent if moment <= other < moment + RATE_WINDOW]) <= limit


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_double_up_to_an_hour_less_up_to_half(attempts: int, chance: float) -> None:
    pause = RETRIES.delay(attempts, chance)
    longest = RETRIES.delay(attempts, 0)
    assert longest / 2 <= pause <= longest <= timedelta(hours=1)
    assert longest <= RETRIES.delay(attempts + 1, 0) <= 2 * longest


def test_the_first_pause_is_short() -> None:
    assert RETRIES.delay(1, 0) == timedelta(seconds=20)


def test_it_is_given_up_after_days() -> None:
    assert not gives_up(NOW, NOW + GIVE_UP_AFTER - timedelta(seconds=1))
    assert gives_up(NOW, NOW + GIVE_UP_AFTER)
