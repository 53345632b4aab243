"""Learned cadences: no false alarm, and none missed."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence import Cadence, Outage, Outages

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 9, 1, tzinfo=UTC)


def every(step: timedelta, count: int, start: datetime = TUESDAY) -> list[datetime]:
    return [start + i * step for i in range(count)]


def deadline(reports: Iterable[datetime], outages: Outages | None = None) -> datetime | None:
    """By when the next report is due after these."""
    forecast = Cadence.of(sorted(reports), outages).forecast()
    return datetime.fromtimestamp(forecast.deadline, UTC) if forecast else None


def alarms(reports: list[datetime], outages: Outages | None = None) -> list[datetime]:
    """When an alarm would have been raised between these reports."""
    cadence, found = Cadence(outages), []
    for report in reports:
        forecast = cadence.forecast()
        if forecast and forecast.deadline < report.timestamp():
            found.append(datetime.fromtimestamp(forecast.deadline, UTC))
        cadence.observe(report.timestamp())
    return found


def local(zone: str, hours: Iterable[float], days: int, weekdays: Iterable[int] = range(7)) -> list[datetime]:
    """At these hours of a zone's clock, from 1 September on."""
    kept = set(weekdays)
    dates = [TUESDAY.replace(tzinfo=ZoneInfo(zone)) + day * DAY for day in range(days)]
    return [date + hour * HOUR for date in dates if date.weekday() in kept for hour in hours]


def test_a_regular_agent_is_overdue_soon_after_its_longest_gap() -> None:
    assert deadline(every(HOUR, 360)) == TUESDAY + 360 * HOUR + 10 * MINUTE


def test_one_known_for_less_than_two_weeks_may_be_away_for_half_a_day_by_the_days_it_is_known() -> None:
    for days, away in ((2, 6 * HOUR), (8, 90 * MINUTE), (12, HOUR)):
        reports = every(HOUR, 24 * days + 1)
        assert deadline(reports) == reports[-1] + HOUR + away


def test_half_as_long_again_while_few_gaps_are_known() -> None:
    assert deadline(every(DAY, 8)) == TUESDAY + 8 * DAY + 12 * HOUR


def test_a_frequent_agent_has_ten_minutes_at_least() -> None:
    assert deadline(every(MINUTE, 15 * 24 * 60)) == TUESDAY + 15 * DAY + 10 * MINUTE


@pytest.mark.parametrize("count", range(1, 6))
def test_few_reports_teach_nothing(count: int) -> None:
    assert deadline(every(DAY, count)) is None


def test_reports_within_an_hour_teach_nothing() -> None:
    assert deadline(every(MINUTE, 59)) is None


def test_an_agent_of_a_few_hours_that_is_started_by_hand_is_not_expected_this_week() -> None:
    minutes = (0, 1, 9, 12, 47, 70, 71, 75, 76, 103, 150)
    found = deadline(TUESDAY + minute * MINUTE for minute in minutes)
    assert found
    assert found >= TUESDAY + 7 * DAY


@pytest.mark.parametrize("seed", range(20))
def test_of_random_gaps_only_the_end_is_told(seed: int) -> None:
    chance = random.Random(seed)
    reports = [TUESDAY]
    for _ in range(200):
        reports.append(reports[-1] + chance.expovariate(1) * HOUR)
    assert alarms(reports) == []
    cadence = Cadence.of(reports)
    assert not cadence.has_cadence
    assert str(cadence).startswith("at no set times, at most ")
    found, longest = deadline(reports), max(later - earlier for earlier, later in pairwise(reports))
    assert found
    assert found - reports[-1] >= longest
    assert found >= TUESDAY + 7 * DAY


def test_an_end_without_a_cadence_is_told_after_three_times_the_longest_gap_at_most() -> None:
    chance, reports = random.Random(1), [TUESDAY]
    while reports[-1] < TUESDAY + 60 * DAY:
        reports.append(reports[-1] + chance.expovariate(1 / 20) * HOUR)
    recent = [at for at in reports if at > reports[-1] - 35 * DAY]
    longest = max(later - earlier for earlier, later in pairwise(recent))
    found = deadline(reports)
    assert found
    assert longest < found - reports[-1] <= 3 * longest + timedelta(seconds=1)


def test_frequent_events_that_cease_are_told_within_hours() -> None:
    chance, reports = random.Random(1), [TUESDAY]
    while reports[-1] < TUESDAY + 30 * DAY:
        reports.append(reports[-1] + chance.expovariate(100) * DAY)
    found = deadline(reports)
    assert found
    assert found - reports[-1] < 8 * HOUR


def test_an_end_of_a_daily_agent_with_runs_by_hand_is_told_within_half_a_day() -> None:
    chance, daily = random.Random(0), every(DAY, 60)
    by_hand = [
        day + chance.uniform(1, 12) * HOUR for day in daily[1:] for _ in range(2) if chance.random() < 0.2
    ]
    reports = sorted([*daily, *(at for at in by_hand if at < daily[-1])])
    assert alarms(reports) == []
    assert not Cadence.of(reports).has_cadence
    found = deadline(reports)
    assert found
    assert found < daily[-1] + 36 * HOUR


def test_where_the_longest_gaps_recur_half_of_one_is_allowed_besides() -> None:
    """Every ten minutes from two to four on Tuesdays and Thursdays, at the end of runs of some minutes."""
    chance, due = random.Random(0), local("UTC", [2 + i / 6 for i in range(12)], 70, weekdays=(1, 3))
    reports = sorted(at + chance.lognormvariate(0, 0.8) * 3 * MINUTE for at in due)
    assert alarms(reports) == []
    found = deadline(reports)
    assert found
    assert found < reports[-1] + 1.5 * (5 * DAY) + HOUR


def test_what_is_sent_twice_or_together_is_one_occasion() -> None:
    chance = random.Random(1)
    hours = every(HOUR, 20 * 24)
    twice = [at + chance.uniform(1, 60) * timedelta(seconds=1) for at in hours if chance.random() < 0.3]
    assert alarms(sorted([*hours, *twice])) == []
    once, doubled = deadline(hours[:-1]), deadline([*hours[:-1], *(at for at in twice if at < hours[-1])])
    assert once
    assert doubled
    assert abs(doubled - once) <= 10 * MINUTE
    ten_a_day = [day + chance.uniform(0, 5) * MINUTE for day in every(DAY, 30) for _ in range(10)]
    assert alarms(sorted(ten_a_day)) == []
    found = deadline(sorted(ten_a_day))
    assert found
    assert found < TUESDAY + 30 * DAY + 2 * HOUR


def test_reports_that_were_kept_while_it_was_offline_show_that_it_ran() -> None:
    times, back = every(HOUR, 20 * 24), TUESDAY + 20 * DAY
    kept = [back + i * timedelta(seconds=1) for i in range(20)]
    offline = [at for at in times if at < back - 20 * HOUR]
    found = deadline([*offline, *kept, back + HOUR])
    assert found
    assert found <= back + 2 * HOUR + 30 * MINUTE
    lost = deadline([*offline, back, back + HOUR])
    assert lost
    assert lost > back + 20 * HOUR


@pytest.mark.parametrize("sigma", [0.5, 1.0])
@pytest.mark.parametrize("hours", [1, 4, 24])
def test_heavy_tailed_lengths_of_runs_raise_hardly_anything(hours: int, sigma: float) -> None:
    found = 0
    for seed in range(2 if hours == 1 else 4):
        chance = random.Random(seed)
        due = every(hours * HOUR, 60 * 24 // hours)
        found += len(alarms(sorted(at + chance.lognormvariate(0, sigma) * hours * MINUTE for at in due)))
    assert found <= 1


def test_runs_by_hand_do_not_make_an_hourly_agent_look_frequent() -> None:
    newest = TUESDAY + 10 * DAY
    by_hand = [newest - i * timedelta(seconds=20) for i in range(51)]
    found = deadline([*every(HOUR, 240), *by_hand])
    assert found
    assert found >= newest + 65 * MINUTE


@pytest.mark.parametrize("seed", range(8))
def test_runs_by_hand_at_other_times_do_not_delay_what_the_clock_tells(seed: int) -> None:
    chance, stopped = random.Random(seed), datetime(2026, 10, 27, 12, tzinfo=UTC)
    office = [at + chance.uniform(0, 5) * MINUTE for at in local("UTC", range(8, 19), 57, weekdays=range(5))]
    nights = [
        TUESDAY + day * DAY + chance.uniform(-5, 7) * HOUR for day in range(56) if chance.random() < 0.5
    ]
    weekends = [at + chance.random() * DAY for at in local("UTC", [0], 56, weekdays=(5, 6))]
    by_hand = [*nights[::4], *chance.sample(weekends, 6)]
    found = deadline(at for at in [*office, *by_hand] if at < stopped)
    assert found
    assert found < stopped + HOUR


def test_a_report_from_the_future_is_no_reason_for_alarm() -> None:
    now = TUESDAY + 10 * DAY
    found = deadline([*every(HOUR, 240), now + 3 * HOUR])
    assert found is None or found > now


def test_the_first_night_of_a_nightly_burst_is_no_stop() -> None:
    found = deadline(every(10 * MINUTE, 12))
    assert found
    assert found > TUESDAY + DAY + HOUR


@pytest.mark.parametrize("offset", range(-11, 13))
def test_the_first_weekend_of_an_office_agent_is_no_stop(offset: int) -> None:
    monday = datetime(2026, 8, 31, tzinfo=UTC) - offset * HOUR
    reports = [monday + day * DAY + hour * HOUR for day in range(1, 5) for hour in range(8, 19)]
    found = deadline(reports)
    assert found
    assert found > monday + 7 * DAY + 8 * HOUR


def test_the_first_weekdays_of_a_weekend_agent_are_no_stop() -> None:
    reports = local("Europe/Berlin", range(8, 19), 40, weekdays=(5, 6))
    assert len(reports) > 100
    assert alarms(reports) == []


def test_before_the_first_weekend_it_does_not_wait_for_it() -> None:
    found = deadline(every(HOUR, 30))
    assert found
    assert found < TUESDAY + 2 * DAY


@pytest.mark.parametrize("start", ["2026-02-20", "2026-03-01", "2026-10-05"])
@pytest.mark.parametrize(
    ("zone", "hours", "weekdays"),
    [
        ("Europe/Berlin", [9.0], range(7)),
        ("America/New_York", range(8, 19), range(5)),
        ("Australia/Sydney", range(24), range(5)),
        ("Europe/London", [1 + i / 6 for i in range(12)], range(7)),
        ("America/New_York", [1 + i / 6 for i in range(12)], range(7)),
        ("America/Santiago", [6.0, 12.0, 20.0], range(7)),
        ("Europe/Berlin", range(0, 24, 2), range(7)),
        ("Europe/Berlin", [8.0], (0, 2, 4)),
        ("America/New_York", [17.5], (4,)),
    ],
)
def test_clock_changes_raise_nothing(
    start: str, zone: str, hours: Iterable[float], weekdays: Iterable[int]
) -> None:
    chance, kept, reports = random.Random(1), set(weekdays), []
    for day in range(75):
        date = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)) + day * DAY
        if date.weekday() in kept:
            reports += [(date + hour * HOUR).astimezone(UTC) + chance.random() * 3 * MINUTE for hour in hours]
    assert len(reports) >= 10
    assert alarms(sorted(set(reports))) == []


@pytest.mark.parametrize(
    ("hours", "weekdays", "missing", "within"),
    [
        (range(8, 19), range(5), "2026-10-07T11:00", 11 * MINUTE + 10 * MINUTE),
        (range(8, 19), range(5), "2026-10-05T08:00", HOUR),
        (range(8, 19), range(5), "2026-10-09T18:00", HOUR),
        ([9.0], range(5), "2026-10-07T09:00", 3 * HOUR),
        ([9.0], (0, 2, 4), "2026-10-09T09:00", 3 * HOUR),
        ([1 + i / 6 for i in range(12)], range(7), "2026-10-07T01:20", 20 * MINUTE),
        ([6.0, 14.0, 17.0], range(7), "2026-10-07T17:00", HOUR),
        (range(10, 19), (5, 6), "2026-10-10T10:00", HOUR),
    ],
)
def test_the_first_report_that_is_missing_is_noticed_by_the_clock(
    hours: Iterable[float], weekdays: Iterable[int], missing: str, within: timedelta
) -> None:
    due = datetime.fromisoformat(missing).replace(tzinfo=UTC)
    reports = [at for at in local("UTC", hours, 60, weekdays) if at < due]
    found = deadline(at + random.Random(at.timestamp()).random() * 3 * MINUTE for at in reports)
    assert found
    assert due < found <= due + within


def test_it_adapts_when_it_runs_less_often() -> None:
    hourly, daily = every(HOUR, 20 * 24), every(DAY, 40, TUESDAY + 20 * DAY + 9 * HOUR)
    assert 1 <= len(alarms([*hourly, *daily])) <= 2
    found = deadline([*hourly, *daily])
    assert found
    assert daily[-1] + DAY < found < daily[-1] + 1.6 * DAY


def test_it_adapts_when_it_runs_more_often() -> None:
    daily, hourly = every(DAY, 40), every(HOUR, 20 * 24, TUESDAY + 40 * DAY)
    assert alarms([*daily, *hourly]) == []
    found = deadline([*daily, *hourly])
    assert found
    assert HOUR + 10 * MINUTE <= found - hourly[-1] <= HOUR + 15 * MINUTE


@pytest.mark.parametrize(("by", "raised"), [(-5, 0), (-1, 0), (1, 1), (5, 1)])
def test_it_adapts_when_the_time_of_day_moves(by: int, raised: int) -> None:
    before, after = every(DAY, 40, TUESDAY + 9 * HOUR), every(DAY, 40, TUESDAY + 40 * DAY + (9 + by) * HOUR)
    assert len(alarms([*before, *after])) == raised


def test_after_one_stop_it_is_judged_as_before() -> None:
    times = every(HOUR, 60 * 24)
    stopped = [at for at in times if not TUESDAY + 30 * DAY <= at < TUESDAY + 30 * DAY + 10 * HOUR]
    assert len(alarms(stopped)) == 1
    assert deadline(stopped) == deadline(times)


def test_what_it_came_back_from_twice_is_a_habit() -> None:
    gone = [TUESDAY + day * DAY for day in (15, 24)]
    times = [at for at in every(HOUR, 60 * 24) if not any(at - 10 * HOUR < day <= at for day in gone)]
    found = deadline(times[: times.index(TUESDAY + 40 * DAY)])
    assert found
    assert found > TUESDAY + 40 * DAY + 10 * HOUR


def test_an_outage_is_held_against_nobody() -> None:
    out = Outage((TUESDAY + 30 * DAY).timestamp(), (TUESDAY + 30.3 * DAY).timestamp())
    for hours in (range(24), [4.0], range(9)):
        times = local("UTC", hours, 60)
        lost = [at for at in times if not out.start <= at.timestamp() < out.end]
        assert len(lost) < len(times)
        assert alarms(lost, Outages([out])) == []
        assert deadline(lost, Outages([out])) == deadline(times)


def test_the_time_of_an_outage_counts_for_no_gap() -> None:
    times = every(50 * MINUTE, 1000)
    out = Outage(times[900].timestamp(), times[908].timestamp())
    lost = [at for at in times if not out.start < at.timestamp() <= out.end]
    assert deadline(lost, Outages([out])) == deadline(times)


@settings(deadline=None, max_examples=25)
@given(st.integers(5, 1500), st.integers(6, 400))
def test_a_perfectly_regular_agent_never_raises_anything(minutes: int, count: int) -> None:
    assert alarms(every(minutes * MINUTE, count)) == []


# The same examples each time: about one in 2,500 raises an alarm, among intervals of most of a day that drift
# through it. How often is the benchmark's to count.
@settings(deadline=None, derandomize=True)
@given(
    st.integers(5, 1500),
    st.floats(0, 0.3),
    st.integers(6, 150),
    st.sampled_from([(), (5, 6)]),
    st.randoms(use_true_random=False),
)
def test_an_agent_on_schedule_is_never_overdue(
    minutes: int, jitter: float, count: int, days_off: tuple[int, ...], chance: random.Random
) -> None:
    step = minutes * MINUTE
    due = [at for at in every(step, count) if at.weekday() not in days_off]
    assert alarms([at + chance.random() * jitter * step for at in due]) == []


@pytest.mark.parametrize(
    ("hours", "weekdays", "words"),
    [
        (range(8, 19), range(5), "weekdays 08:00 to 19:00 UTC, about every 1 h, usually within 4 min"),
        (range(24), range(7), "about every 1 h, usually within 4 min"),
        ([1 + i / 6 for i in range(12)], range(7), "01:00 to 03:00 UTC, about every 10 min"),
        ([9.2], range(7), "from 09:00 UTC, about every 1 day"),
        ([9.2], (0, 2, 4), "Mon, Wed, Fri from 09:00 UTC, about every 2 days"),
        (range(10, 15), (5, 6), "weekends 10:00 to 15:00 UTC, about every 1 h"),
    ],
)
def test_it_is_explained_in_words(hours: Iterable[float], weekdays: Iterable[int], words: str) -> None:
    chance = random.Random(1)
    reports = [at + chance.random() * 6 * MINUTE for at in local("UTC", hours, 40, weekdays)]
    assert str(Cadence.of(sorted(reports))).startswith(words)


def preempted(seed: int, days: int = 60) -> list[datetime]:
    """Every ten minutes, and taken away every few days for a time whose length has a heavy tail."""
    chance, reports, at = random.Random(seed), [], TUESDAY
    while at < TUESDAY + days * DAY:
        until = at + chance.expovariate(1 / 2.5) * DAY
        while at < until:
            reports.append(at + chance.uniform(0, 2) * MINUTE)
            at += 10 * MINUTE
        at += min(chance.weibullvariate(1.5, 0.6), 14) * HOUR
    return reports


def test_who_is_away_by_habit_is_called_gone_hardly_ever_again() -> None:
    """Of some twenty times that each is away, its first weeks tell, with what came after its deadline."""
    alarms = 0
    for seed in range(10):
        cadence, reports = Cadence(), preempted(seed)
        for report in reports:
            moment = report.timestamp()
            forecast = cadence.forecast() if moment - cadence.newest > 1800 else None
            alarms += bool(forecast and moment > forecast.deadline and report > TUESDAY + 21 * DAY)
            cadence.observe(moment)
    assert alarms <= 3


@pytest.mark.parametrize("seed", range(6))
def test_where_days_end_at_no_set_time_an_early_end_is_no_stop(seed: int) -> None:
    chance, cadence = random.Random(seed), Cadence()
    for day in range(80):
        begin, end = 9 + chance.gauss(0, 0.7), 18 + chance.gauss(0, 1)
        if (TUESDAY + day * DAY).weekday() > 4:
            continue
        for i in range(int(2 * (end - begin))):
            moment = (TUESDAY + day * DAY + (begin + i / 2) * HOUR).timestamp()
            forecast = cadence.forecast() if day > 35 else None
            assert forecast is None or moment < forecast.deadline
            cadence.observe(moment)
