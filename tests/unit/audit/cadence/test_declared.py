"""Declared schedules: due on time, in their own zone, never a crash."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence import (
    CronSchedule,
    IntervalSchedule,
    Schedule,
    in_words,
    parse_schedule,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 9, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")

moments = st.integers(0, 10 * 366 * 86_400_000).map(lambda ms: TUESDAY + timedelta(milliseconds=ms))
fields = st.sampled_from(["*", "*/7", "1", "2", "5", "1-4", "2,3"])
cron_like = st.text("0123456789*/,-#LW MON", max_size=20)
interval_like = st.text("evry 0123456789smhd", max_size=12).map("every".__add__)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("every 15m", IntervalSchedule(15 * MINUTE)),
        (" EVERY  2 h ", IntervalSchedule(2 * HOUR)),
        ("every 1d", IntervalSchedule(DAY)),
        ("every 90s", IntervalSchedule(90 * timedelta(seconds=1))),
        ("*/15  9-17 * * 1-5", CronSchedule("*/15 9-17 * * 1-5", "UTC")),
        ("0 0 29 2 *", CronSchedule("0 0 29 2 *", "UTC")),
    ],
)
def test_parses(text: str, schedule: Schedule) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "timezone", "reason"),
    [
        ("", "UTC", "empty"),
        ("   ", "UTC", "empty"),
        ("hourly", "UTC", "no schedule"),
        ("* * * *", "UTC", "no schedule"),
        ("61 * * * *", "UTC", "bad minute"),
        ("0 0 31 2 *", "UTC", "never comes"),
        ("0 0 31 2,4,6 *", "Europe/Berlin", "never comes"),
        ("0 0 */31 * MON#5", "UTC", "never comes"),
        ("every", "UTC", "no schedule"),
        ("every 5 months", "UTC", "no schedule"),
        ("every 0m", "UTC", "out of range"),
        ("every 999999999d", "UTC", "out of range"),
        ("every -5m", "UTC", "no schedule"),
        ("* * * * *", "Mars/Olympus", "no time zone"),
        ("every 5m", "Europe", "no time zone"),
        ("* * * * *", "../etc/passwd", "no time zone"),
        ("* * * * *", "", "no time zone"),
        ("* * * * *", "x" * 5000, "no time zone"),
        ("* * * * *", "a\0b", "no time zone"),
        ("*," * 200 + "* * * * *", "UTC", "at most 255"),
    ],
)
def test_refuses_with_a_sentence(text: str, timezone: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_schedule(text, timezone)


@settings(deadline=None)
@given(
    st.text() | st.text("0123456789*/,-#LW MON", max_size=20) | st.text("evry 0123456789smhd", max_size=12)
)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    assert schedule.next_after(TUESDAY) > TUESDAY


@settings(deadline=None)
@given(st.tuples(fields, fields, fields, fields, fields), st.sampled_from(ZONES), moments)
def test_due_times_are_in_order_and_found_from_both_sides(
    expression: tuple[str, ...], zone: str, moment: datetime
) -> None:
    schedule = CronSchedule(" ".join(expression), zone)
    due = schedule.next_after(moment)
    assert due > moment
    assert schedule.last_until(due) == due
    assert schedule.last_until(moment) <= moment
    assert schedule.last_until(due - timedelta(microseconds=1)) <= moment


def test_a_daily_schedule_keeps_its_local_hour_through_the_clock_change() -> None:
    schedule = parse_schedule("0 9 * * *", "America/New_York")
    saturday = datetime(2026, 3, 7, 9, tzinfo=ZoneInfo("America/New_York"))
    assert schedule.next_after(saturday) - saturday.astimezone(UTC) == 23 * HOUR


def test_the_hour_that_comes_twice_gives_no_time_in_the_past() -> None:
    schedule = parse_schedule("45 1 * * *", "America/New_York")
    second_half_past_one = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert schedule.next_after(second_half_past_one) > second_half_past_one


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=45.4), "45 s"),
        (timedelta(seconds=90), "90 s"),
        (59 * MINUTE, "59 min"),
        (90 * MINUTE, "1 h 30 min"),
        (DAY, "1 day"),
        (2 * DAY + 4 * HOUR + MINUTE, "2 days 4 h"),
    ],
)
def test_spans_in_words(span: timedelta, words: str) -> None:
    assert in_words(span) == words
