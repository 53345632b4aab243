"""Schedules as people write them elsewhere: due at the very times they are due there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.cadence import IntervalSchedule, Lateness, Schedule, parse_schedule

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# A Tuesday. The month before ended on a Monday.
SEPTEMBER = datetime(2026, 9, 1, 0, 0, 30, tzinfo=UTC)


def due(schedule: Schedule, count: int, after: datetime = SEPTEMBER) -> list[str]:
    """The next due times in UTC, as `09-01 12:00`."""

    def following() -> Iterator[datetime]:
        moment = after
        while True:
            moment = schedule.next_after(moment)
            yield moment

    return [f"{moment:%m-%d %H:%M:%S}".removesuffix(":00") for moment in islice(following(), count)]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("@yearly", ["01-01 00:00", "01-01 00:00"]),
        ("@annually", ["01-01 00:00"]),
        ("@monthly", ["10-01 00:00", "11-01 00:00"]),
        ("@weekly", ["09-06 00:00", "09-13 00:00"]),
        ("@daily", ["09-02 00:00", "09-03 00:00"]),
        (" @Midnight ", ["09-02 00:00"]),
        ("@hourly", ["09-01 01:00", "09-01 02:00"]),
        # Quartz: seconds first, days of the week from 1 for Sunday.
        ("0 0 12 * * ?", ["09-01 12:00", "09-02 12:00"]),
        ("0 15 10 ? * 2-6", ["09-01 10:15", "09-02 10:15", "09-03 10:15", "09-04 10:15", "09-07 10:15"]),
        ("0 15 10 ? * 2-6/2", ["09-02 10:15", "09-04 10:15", "09-07 10:15", "09-09 10:15"]),
        ("0 15 10 ? * FRI-MON/2", ["09-04 10:15", "09-06 10:15", "09-11 10:15"]),
        (
            "0 15 10 ? * MON-FRI *",
            ["09-01 10:15", "09-02 10:15", "09-03 10:15", "09-04 10:15", "09-07 10:15"],
        ),
        ("0 15 10 ? * 1", ["09-06 10:15", "09-13 10:15"]),
        ("0 15 10 ? * 7,1", ["09-05 10:15", "09-06 10:15", "09-12 10:15"]),
        ("0 15 10 ? * 6-2", ["09-04 10:15", "09-05 10:15", "09-06 10:15", "09-07 10:15", "09-11 10:15"]),
        ("0 15 10 ? * 6L", ["09-25 10:15", "10-30 10:15"]),
        ("0 15 10 ? * 6#3", ["09-18 10:15", "10-16 10:15"]),
        ("0 15 10 ? * L", ["09-05 10:15"]),
        ("0 15 10 L * ?", ["09-30 10:15", "10-31 10:15"]),
        ("0 15 10 LW * ?", ["09-30 10:15", "10-30 10:15"]),
        ("0 15 10 L-2 * ?", ["09-28 10:15", "10-29 10:15", "11-28 10:15"]),
        ("0 0 12 5W * ?", ["09-04 12:00", "10-05 12:00", "11-05 12:00"]),
        ("0 0 12 6W * ?", ["09-07 12:00", "10-06 12:00"]),
        ("0 0 12 1W 8,11 ?", ["11-02 12:00", "08-02 12:00"]),
        ("0 0 12 31W 1,2,10 ?", ["10-30 12:00", "01-29 12:00", "02-26 12:00"]),
        ("0 0/5 14,18 * * ?", ["09-01 14:00", "09-01 14:05"]),
        ("30 0 12 1/10 * ? *", ["09-01 12:00:30", "09-11 12:00:30", "09-21 12:00:30", "10-01 12:00:30"]),
        ("0 0 22-1 * * ?", ["09-01 01:00", "09-01 22:00", "09-01 23:00", "09-02 00:00"]),
        # Without `?`: seconds first as croner has it, days of the week as everywhere.
        ("0 0 9 * * 1", ["09-07 09:00", "09-14 09:00"]),
        ("*/20 * * * * *", ["09-01 00:00:40", "09-01 00:01", "09-01 00:01:20"]),
        ("0 12 1-7 * +1", ["09-07 12:00", "10-05 12:00", "11-02 12:00"]),
        ("0 0 12 1-7 * +MON", ["09-07 12:00", "10-05 12:00"]),
        ("0 12 * * 5#L", ["09-25 12:00", "10-30 12:00"]),
        ("0 12 * * FRI-SUN", ["09-04 12:00", "09-05 12:00", "09-06 12:00", "09-11 12:00"]),
        ("0 12 * * 5-7", ["09-04 12:00", "09-05 12:00", "09-06 12:00", "09-11 12:00"]),
        ("0 12 ? * mon", ["09-07 12:00"]),
        # AWS: minutes first, a year, days of the week from 1 for Sunday.
        ("cron(0 10 * * ? *)", ["09-01 10:00", "09-02 10:00"]),
        ("cron(15 10 ? * 6L *)", ["09-25 10:15"]),
        (
            "cron(0 18 ? * MON-FRI *)",
            ["09-01 18:00", "09-02 18:00", "09-03 18:00", "09-04 18:00", "09-07 18:00"],
        ),
        ("0 8 1 * ? *", ["09-01 08:00", "10-01 08:00"]),
        # In words, and several.
        ("every day at 09:00", ["09-01 09:00", "09-02 09:00"]),
        ("daily at 12am, 9:30am and 5pm", ["09-01 09:30", "09-01 17:00", "09-02 00:00"]),
        ("every Monday and Thursday at 7", ["09-03 07:00", "09-07 07:00"]),
        ("weekdays at 18:45", ["09-01 18:45", "09-02 18:45", "09-03 18:45", "09-04 18:45", "09-07 18:45"]),
        ("weekends at 8:00", ["09-05 08:00", "09-06 08:00", "09-12 08:00"]),
        ("0 9 * * *\n30 17 * * 1-5", ["09-01 09:00", "09-01 17:30", "09-02 09:00"]),
        ("0 9 * * *; 0 9,12 * * *;", ["09-01 09:00", "09-01 12:00", "09-02 09:00"]),
        ("@daily; 0 0 12 ? * 3", ["09-01 12:00", "09-02 00:00"]),
        ("CRON_TZ=Asia/Tokyo 0 9 * * *", ["09-02 00:00"]),
        ("TZ=Asia/Tokyo 0 9 * * *; 0 9 * * *", ["09-01 09:00", "09-02 00:00"]),
    ],
)
def test_due_times(text: str, times: list[str]) -> None:
    schedule = parse_schedule(text)
    assert due(schedule, len(times)) == times
    assert not isinstance(schedule, IntervalSchedule)
    first = schedule.next_after(SEPTEMBER)
    assert schedule.last_until(first) == first
    assert schedule.last_until(first - timedelta(seconds=1)) <= SEPTEMBER


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("@every 10m", 10 * MINUTE),
        ("@every 1h30m", 90 * MINUTE),
        ("@every 1h30m10s", 90 * MINUTE + timedelta(seconds=10)),
        ("@every 1.5h", 90 * MINUTE),
        ("every 30 minutes", 30 * MINUTE),
        ("Every 2 Hours", 2 * HOUR),
        ("every 1 hour and 30 minutes", 90 * MINUTE),
        ("every hour", HOUR),
        ("every day", DAY),
        ("every 2 weeks", 14 * DAY),
        ("every 10 min", 10 * MINUTE),
        ("rate(10 minutes)", 10 * MINUTE),
        ("rate(1 hour)", HOUR),
        ("Rate( 5 days )", 5 * DAY),
    ],
)
def test_intervals(text: str, every: timedelta) -> None:
    assert parse_schedule(text) == IntervalSchedule(every)


@pytest.mark.parametrize(
    "text",
    [
        "@reboot",
        "@every fish",
        "@daily 5",
        "every 5 months",
        "every now and then",
        "every day at noonish",
        "every day at 25:00",
        "every day at 13pm",
        "every day at",
        "rate(minutes)",
        "rate(10)",
        "cron(0 10 * * *)",
        "at(2026-11-20T13:00:00)",
        "0 0 12 ? * 2 2027",
        "0 0 12 ? * 8",
        "0 0 12 ? * 1#6",
        "0 0 12 ? * 2-6/0",
        "0 0 32W * ?",
        "0 0 12 15W * +MON",
        "0 12 1-7 * +MON#1",
        "0 12 1-7 * +*",
        "0 9 * * *; every 5m",
        "0 9 * * *; nonsense",
        "0 9 * * * /usr/bin/report",
        "H H * * *",
        "TZ=Mars/Olympus 0 9 * * *",
        "TZ=UTC",
    ],
)
def test_what_is_not_understood_is_refused_with_what_is_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a") as refused:
        parse_schedule(text)
    said = str(refused.value)
    assert text not in said
    assert "@every 1h30m" in said or "stands alone" in said or "no time zone" in said


@given(st.text("0123456789*/,-#LW+? MONSAT;@every(cr)", max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    assert schedule.next_after(SEPTEMBER) > SEPTEMBER


@pytest.mark.parametrize("text", ["30 2 * * *", "0 30 2 * * ?", "cron(30 2 * * ? *)", "every day at 2:30"])
def test_a_time_that_the_clock_skips_or_repeats_is_due_once_a_day(text: str) -> None:
    schedule = parse_schedule(text, "Europe/Berlin")
    spring, autumn = (datetime(2026, month, 24, 12, tzinfo=UTC) for month in (3, 10))
    assert due(schedule, 6, spring) == [
        "03-25 01:30", "03-26 01:30", "03-27 01:30", "03-28 01:30", "03-29 01:00", "03-30 00:30",
    ]  # fmt: skip
    assert due(schedule, 3, autumn) == ["10-25 00:30", "10-26 01:30", "10-27 01:30"]


def test_a_rule_of_days_goes_by_the_days_of_its_zone() -> None:
    schedule = parse_schedule("0 5 1-7 * +MON", "Pacific/Auckland")
    # Mondays there, which are Sundays of UTC; the clock goes forward on 27 September.
    assert due(schedule, 3) == ["09-06 17:00", "10-04 16:00", "11-01 16:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/15 9-17 * * 1-5", "`*/15 9-17 * * 1-5` (UTC)"),
        ("@daily", "`@daily`, that is `0 0 * * *` (UTC)"),
        ("0 0 12 ? * 2", "`0 0 12 ? * 2`, that is `0 12 * * 1` (UTC)"),
        ("0 0 12 15W * ?", "`0 0 12 15W * ?` (UTC)"),
        ("every monday at 9", "`every monday at 9`, that is `0 9 * * 1` (UTC)"),
        ("0 9 * * *;0 12 * * *", "`0 9 * * *` (UTC) or `0 12 * * *` (UTC)"),
        ("TZ=Asia/Tokyo 0 9 * * *", "`0 9 * * *` (Asia/Tokyo)"),
        ("rate(10 minutes)", "every 10 min"),
    ],
)
def test_in_words(text: str, words: str) -> None:
    assert str(parse_schedule(text)) == words


class TestIntervalsThatCountFromTheEndOfTheRunBefore:
    HOURLY = parse_schedule("@every 1h")
    NOW = datetime(2026, 9, 1, tzinfo=UTC)

    def deadline(self, *gaps: timedelta) -> timedelta:
        """How long after the newest report the agent is overdue; `gaps` before it, newest first."""
        reports = [self.NOW]
        for gap in gaps:
            reports.append(reports[-1] - gap)
        lateness = Lateness.of(self.HOURLY, None, reversed(reports))
        return lateness.expectation(self.NOW).deadline - self.NOW

    def test_the_length_of_its_runs_comes_on_top(self) -> None:
        assert HOUR + 40 * MINUTE < self.deadline(*[100 * MINUTE] * 240) < 2 * HOUR + 10 * MINUTE

    def test_one_long_pause_does_not(self) -> None:
        assert self.deadline(*[HOUR] * 250, 9 * HOUR, *[HOUR] * 90, 59 * MINUTE) == HOUR + 30 * MINUTE

    def test_without_a_past_it_may_be_due_twice_more(self) -> None:
        assert self.deadline() == 3 * HOUR
