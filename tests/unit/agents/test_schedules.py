"""Schedules in words, and their next times."""

from datetime import UTC, datetime

import pytest

from app.agents.schedules import due_times, schedule_in_words
from app.audit.cadence import parse_schedule

# Two days before clocks go back in Berlin, at 03:00 there on the 25th.
FRIDAY = datetime(2026, 10, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 9 * * 1-5", "at 09:00 on Monday through Friday (UTC)"),
        ("every 2h", "every 2 h"),
        ("0 9 * * 1-5; 0 12 * * 6", "at 09:00 on Monday through Friday (UTC) or at 12:00 on Saturday (UTC)"),
        ("0 12 1-7 * +MON", "`0 12 1-7 * +MON` (UTC)"),
        ("@daily", "at 00:00 every day (UTC)"),
    ],
)
def test_a_schedule_is_said_in_words(schedule: str, words: str) -> None:
    assert schedule_in_words(parse_schedule(schedule)) == words


def test_due_times_follow_the_clock_of_their_zone() -> None:
    times = due_times(parse_schedule("0 9 * * *", "Europe/Berlin"), FRIDAY, 3)
    assert [f"{time:%d %H:%M}" for time in times] == ["24 07:00", "25 08:00", "26 08:00"]


def test_an_interval_is_counted_from_the_beginning() -> None:
    times = due_times(parse_schedule("every 2h"), FRIDAY, 2)
    assert [time.hour for time in times] == [14, 16]
