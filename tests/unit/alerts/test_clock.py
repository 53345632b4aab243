"""Quiet hours and daily times, by any zone's clock and over its changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.kit.daily_times import DailyTime, QuietHours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours.parse("22:00-07:00 Europe/Berlin")
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
)
CLOCK = st.times().map(lambda time: f"{time:%H:%M}")
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HOUR = timedelta(hours=1)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-11-24 21:59", None),
        ("2026-11-24 22:00", "2026-11-25 07:00"),
        ("2026-11-24 23:59", "2026-11-25 07:00"),
        ("2026-11-25 00:00", "2026-11-25 07:00"),
        ("2026-11-25 06:59", "2026-11-25 07:00"),
        ("2026-11-25 07:00", None),
        ("2026-11-25 12:00", None),
    ],
)
def test_a_night_over_midnight(moment: str, end: str | None) -> None:
    assert NIGHT.end_after(berlin(moment)) == (berlin(end) if end else None)


def test_a_night_is_an_hour_shorter_or_longer_when_clocks_change() -> None:
    for evening, hours in (("2026-03-28 22:00", 8), ("2026-10-24 22:00", 10), ("2026-11-24 22:00", 9)):
        start = berlin(evening)
        assert NIGHT.end_after(start) == start + hours * HOUR


def test_an_end_that_the_clock_leaves_out_or_has_twice() -> None:
    early = QuietHours.parse("22:00-02:30 Europe/Berlin")
    assert early.end_after(berlin("2026-03-29 01:59")) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    first, second = (berlin("2026-10-25 02:30", fold) for fold in (0, 1))
    assert early.end_after(berlin("2026-10-25 00:00")) == first
    assert early.end_after(first) is early.end_after(second) is None


def test_within_a_day_and_without_a_zone() -> None:
    lunch = QuietHours.parse("12:00-13:30")
    assert lunch.end_after(datetime(2026, 1, 1, 12, tzinfo=UTC)) == datetime(2026, 1, 1, 13, 30, tzinfo=UTC)
    assert lunch.end_after(datetime(2026, 1, 1, 11, 59, tzinfo=UTC)) is None


def _minutes(clock: str) -> timedelta:
    return timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def _clock_changes(zone: str, moment: datetime) -> bool:
    offsets = {(moment + n * 6 * HOUR).astimezone(ZoneInfo(zone)).utcoffset() for n in (-1, 1)}
    return len(offsets) > 1


@given(CLOCK, CLOCK, ZONES, MOMENTS)
def test_quiet_hours_end_soon_and_it_is_not_quiet_then(
    start: str, end: str, zone: str, moment: datetime
) -> None:
    # What is quiet for almost the whole day meets its next day where a clock change leaves out an hour.
    assume(timedelta() < (_minutes(end) - _minutes(start)) % (24 * HOUR) < 22 * HOUR)
    quiet = QuietHours.parse(f"{start}-{end} {zone}")
    over = quiet.end_after(moment)
    if over is not None:
        assert moment < over < moment + 24 * HOUR
        assert quiet.end_after(over - timedelta(seconds=1)) == over
        assert quiet.end_after(over) is None
        assert f"{over.astimezone(ZoneInfo(zone)):%H:%M}" == end or _clock_changes(zone, over)


@given(CLOCK, ZONES, MOMENTS)
def test_a_daily_time_was_at_most_a_day_ago_by_its_clock(at: str, zone: str, moment: datetime) -> None:
    daily = DailyTime.parse(f"{at} {zone}")
    last = daily.last_before(moment)
    # Samoa left out a day when it changed sides.
    assert moment - 50 * HOUR < last <= moment
    assert daily.last_before(last) == last


def test_a_daily_time_follows_the_clock() -> None:
    daily = DailyTime.parse("08:00 Europe/Berlin")
    assert daily.last_before(berlin("2026-03-29 07:59")) == berlin("2026-03-28 08:00")
    assert daily.last_before(berlin("2026-03-29 08:00")) == datetime(2026, 3, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "22-7", "24:00-07:00", "22:00-22:00", "22:00-07:00 Nowhere/At/All", "x"]
)
def test_bad_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|no time zone"):
        QuietHours.parse(text)


@pytest.mark.parametrize("text", ["", "8", "08:60", "08:00 Berlin/Europe", "08:00-09:00"])
def test_a_bad_daily_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|no time zone"):
        DailyTime.parse(text)
