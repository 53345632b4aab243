"""Time in which a schedule rests counts as one step."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.cadence import CronSchedule, IntervalSchedule, Schedule
from app.audit.cadence.working_time import after_work, step_at_work, worked

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = CronSchedule("0 9-17 * * 1-5", "UTC")
FRIDAY_16 = datetime(2026, 9, 4, 16, tzinfo=UTC)
MONDAY_9 = datetime(2026, 9, 7, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "passed"),
    [
        (FRIDAY_16 + 40 * MINUTE, 40 * MINUTE),
        (FRIDAY_16 + 90 * MINUTE, 90 * MINUTE),
        (FRIDAY_16 + 5 * HOUR, 2 * HOUR),
        (MONDAY_9 - MINUTE, 2 * HOUR),
        (MONDAY_9 + 5 * MINUTE, 2 * HOUR + 5 * MINUTE),
        (MONDAY_9 + 3 * HOUR, 5 * HOUR),
        (MONDAY_9 + DAY, 11 * HOUR),
    ],
)
def test_how_much_passed(until: datetime, passed: timedelta) -> None:
    assert worked(OFFICE, FRIDAY_16, until) == passed


@pytest.mark.parametrize(
    ("work", "at"),
    [
        (40 * MINUTE, FRIDAY_16 + 40 * MINUTE),
        (2 * HOUR, FRIDAY_16 + 2 * HOUR),
        (2 * HOUR + 5 * MINUTE, MONDAY_9 + 5 * MINUTE),
        (11 * HOUR + MINUTE, MONDAY_9 + DAY + MINUTE),
    ],
)
def test_when_so_much_has_passed(work: timedelta, at: datetime) -> None:
    assert after_work(OFFICE, FRIDAY_16, MINUTE, work) == [FRIDAY_16 + MINUTE, at]


@pytest.mark.parametrize(
    "schedule", [CronSchedule("0 * * * *", "UTC"), CronSchedule("0 9 * * 1", "UTC"), IntervalSchedule(HOUR)]
)
def test_a_schedule_that_does_not_rest_is_always_at_work(schedule: Schedule) -> None:
    assert step_at_work(schedule) is None
    due = schedule.next_after(FRIDAY_16)
    assert worked(schedule, due, due + 9 * DAY) == 9 * DAY
    assert after_work(schedule, due, 9 * DAY) == [due + 9 * DAY]
