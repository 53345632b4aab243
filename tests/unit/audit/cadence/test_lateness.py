"""What a declared schedule expects of agents that are as late as they are."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.cadence import CronSchedule, Lateness, Outage, Outages, parse_schedule

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 9, 1, tzinfo=UTC)
HOURLY, DAILY = CronSchedule("0 * * * *", "UTC"), CronSchedule("0 3 * * *", "UTC")


def waited(schedule: CronSchedule, waits: Sequence[timedelta], every: timedelta) -> Lateness:
    """An agent that reported so long after each due time, from Tuesday on."""
    reports = [TUESDAY + 3 * HOUR + i * every + wait for i, wait in enumerate(waits)]
    return Lateness.of(schedule, None, reports)


def deadline_after(lateness: Lateness, due: datetime) -> timedelta:
    """How long after a due time the agent is overdue that has been silent since the hour before."""
    expected = lateness.expectation(due - 20 * MINUTE)
    assert expected.due == due
    return expected.deadline - due


def test_the_declared_grace_counts_from_the_due_time() -> None:
    expected = Lateness(HOURLY, 7 * MINUTE).expectation(TUESDAY + 5 * MINUTE)
    assert (expected.due, expected.deadline) == (TUESDAY + HOUR, TUESDAY + HOUR + 7 * MINUTE)


@pytest.mark.parametrize(
    ("schedule", "grace"),
    [
        ("every 1m", HOUR),
        ("every 30m", HOUR),
        ("0 */4 * * *", 8 * HOUR),
        ("every 1d", DAY),
        ("0 9 * * 1", DAY),
    ],
)
def test_of_whom_no_wait_is_known_two_periods_are_waited_for(schedule: str, grace: timedelta) -> None:
    expected = Lateness(parse_schedule(schedule)).expectation(TUESDAY)
    assert expected.deadline - expected.due == expected.late - expected.due == grace


@pytest.mark.parametrize(("schedule", "every", "grace"), [(HOURLY, HOUR, 30 * MINUTE), (DAILY, DAY, HOUR)])
def test_the_usual_grace_is_half_a_period_up_to_an_hour(
    schedule: CronSchedule, every: timedelta, grace: timedelta
) -> None:
    lateness = waited(schedule, [timedelta(seconds=20 + i % 7) for i in range(340)], every)
    assert deadline_after(lateness, TUESDAY + 3 * HOUR + 340 * every) == grace


def test_a_report_moments_early_answers_the_due_time() -> None:
    assert Lateness(HOURLY, HOUR).expectation(TUESDAY - timedelta(seconds=2)).due == TUESDAY + HOUR
    assert Lateness(HOURLY, HOUR).expectation(TUESDAY - 20 * MINUTE).due == TUESDAY


@pytest.mark.parametrize("minutes", [90, 180, 400])
def test_long_runs_are_late_every_night_and_that_is_normal(minutes: int) -> None:
    chance = random.Random(minutes)
    reports: list[datetime] = []
    for day in range(40):
        report = TUESDAY + day * DAY + 3 * HOUR + minutes * MINUTE + chance.uniform(-3, 3) * MINUTE
        if reports:
            expected = Lateness.of(DAILY, None, reports).expectation(reports[-1])
            assert report < expected.late
        reports.append(report)
    expected = Lateness.of(DAILY, None, reports).expectation(reports[-1])
    assert expected.deadline - expected.due < 2 * minutes * MINUTE


def test_heavy_tails_are_allowed_for_by_their_own_weight() -> None:
    """Of log-normal waits with the same median, the wider ones are waited for longer."""
    found = []
    for sigma in (0.1, 0.5, 1.0):
        chance = random.Random(3)
        waits = [chance.lognormvariate(0, sigma) * 20 * MINUTE for _ in range(120)]
        found.append(deadline_after(waited(DAILY, waits, DAY), TUESDAY + 3 * HOUR + 120 * DAY))
        assert found[-1] > max(waits)
    assert found == sorted(found)
    assert HOUR <= found[0] < 2 * HOUR
    assert 4 * HOUR < found[-1] <= DAY


def test_a_wait_beyond_the_deadline_is_a_stop_and_not_learned() -> None:
    waits = [timedelta(seconds=20)] * 40
    before = waited(DAILY, waits, DAY)
    after = waited(DAILY, [*waits, *[timedelta(seconds=20)] * 40], DAY)
    reports = [TUESDAY + 3 * HOUR + i * DAY for i in range(80) if not 40 <= i < 46]
    stopped = Lateness.of(DAILY, None, reports)
    due = TUESDAY + 3 * HOUR + 80 * DAY
    assert deadline_after(stopped, due) == deadline_after(after, due) == deadline_after(before, due)


def test_after_a_stop_its_length_is_allowed_for_some_days() -> None:
    reports = [TUESDAY + i * HOUR for i in range(200) if not 150 <= i < 160]
    expected = Lateness.of(HOURLY, None, reports).expectation(reports[-1])
    assert 10 * HOUR <= expected.deadline - expected.due <= 15 * HOUR


def test_in_its_first_weeks_it_may_be_silent_for_longer_than_its_waits_tell() -> None:
    for known, silent in ((8, 4 * HOUR), (20, 10 * HOUR), (48, 6 * HOUR), (96, 3 * HOUR), (288, HOUR)):
        reports = [TUESDAY + i * HOUR for i in range(known + 1)]
        expected = Lateness.of(HOURLY, None, reports).expectation(reports[-1])
        assert expected.deadline - expected.due == expected.late - expected.due == silent
    reports = [TUESDAY + i * HOUR for i in range(14 * 24 + 1)]
    assert deadline_after(Lateness.of(HOURLY, None, reports), reports[-1] + HOUR) == 30 * MINUTE
    with_grace = Lateness.of(HOURLY, 7 * MINUTE, reports[:20]).expectation(reports[19])
    assert with_grace.deadline - with_grace.due == 7 * MINUTE


def test_a_machine_whose_clock_is_minutes_ahead_is_not_called_late() -> None:
    """Each report answers the due time that follows in minutes."""
    waits = [timedelta(seconds=-60 * (5 + i / 10)) for i in range(80)]
    for known in range(10, 80):
        lateness = waited(DAILY, waits[:known], DAY)
        following = TUESDAY + known * DAY + 3 * HOUR + waits[known]
        assert following < lateness.expectation(following - DAY - MINUTE / 10).late


def laptop(seed: int, days: int = 60) -> list[datetime]:
    """Half-hourly while it is open, on working days from about nine to about half past five."""
    chance, reports = random.Random(seed), []
    for day in (TUESDAY + day * DAY for day in range(days)):
        begin, end = 9 + chance.gauss(0, 0.7), 17.5 + chance.gauss(0, 1)
        if day.weekday() < 5 and (day.weekday() in (0, 4) or chance.random() > 0.05):
            reports += [day + (begin + i / 2) * HOUR for i in range(int(2 * (end - begin)))]
    return reports


@pytest.mark.parametrize("seed", range(6))
def test_who_leaves_early_on_a_friday_is_not_away_for_days(seed: int) -> None:
    """Time in which the schedule rests is no wait, so that other evenings tell of Fridays, and of a stop.

    A day that it is closed is none either.
    """
    schedule, reports = CronSchedule("*/30 9-17 * * 1-5", "UTC"), laptop(seed)
    lateness = Lateness(schedule)
    for number, report in enumerate(reports):
        known = report - reports[0]
        if known > 15 * DAY and report - reports[number - 1] > 10 * HOUR:
            assert report < lateness.expectation(reports[number - 1]).deadline
        lateness.observe(report)
    monday = next(at for at in reversed(reports) if at.weekday() == 0 and at.hour == 11)
    until = Lateness.of(schedule, None, [at for at in reports if at <= monday]).expectation(monday)
    assert until.deadline < monday + 4 * DAY


def test_a_wait_of_a_few_times_the_deadline_widens_the_tail() -> None:
    """It is remembered for weeks, where a stop postpones deadlines for some days only."""
    chance = random.Random(1)
    reports = [TUESDAY + i * HOUR + chance.uniform(0, 10) * MINUTE for i in range(1_000)]
    found = []
    for missing in (range(0), range(500, 501), range(500, 512)):
        kept = [at for i, at in enumerate(reports) if i not in missing]
        found.append(deadline_after(Lateness.of(HOURLY, None, kept), TUESDAY + 1_000 * HOUR))
    assert found[0] == found[2] < HOUR < found[1] < 2 * HOUR


def test_reports_kept_meanwhile_show_that_it_ran() -> None:
    reports = [TUESDAY + i * HOUR for i in range(400) if not 350 <= i < 360]
    at = reports.index(TUESDAY + 360 * HOUR)
    kept = [reports[at] + timedelta(seconds=i) for i in range(1, 10)]
    flushed = Lateness.of(HOURLY, None, [*reports[: at + 1], *kept, *reports[at + 1 :]])
    expected = flushed.expectation(reports[-1])
    assert expected.deadline - expected.due <= HOUR


def test_waits_in_an_outage_are_not_learned() -> None:
    reports = [TUESDAY + i * HOUR for i in range(400) if not 350 <= i < 360]
    outage = Outage(reports[349].timestamp() + 60, reports[350].timestamp() - 60)
    expected = Lateness.of(HOURLY, None, reports, Outages([outage])).expectation(reports[-1])
    assert expected.deadline - expected.due == 30 * MINUTE
