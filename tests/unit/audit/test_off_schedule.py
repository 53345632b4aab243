"""What is declared and what is observed disagree for days."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import Declaration, PastFinding

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = all_rules(failure_streak=3, silence_streak=3)


def found(every: timedelta, at: timedelta, schedule: str, timezone: str = "UTC") -> list[PastFinding]:
    """Of an agent that comes so often, so long after midnight, for three weeks."""
    chance = random.Random(1)
    times = [MONDAY + at + i * every + chance.random() * 3 * MINUTE for i in range(int(21 * DAY / every))]
    runs = [ReportedRun("", "success", time, summary="did it") for time in times]
    return judge(RULES, {"nova": runs}, {"nova": Declaration(schedule, timezone)}).found


@pytest.mark.parametrize(
    ("at", "schedule", "timezone", "says"),
    [
        (
            2.5 * HOUR,
            "30 2 * * *",
            "Asia/Shanghai",
            "comes 8 h 1 min after it is due each time",
        ),
        (2.5 * HOUR, "30 2 * * *", "America/New_York", "comes 20 h 1 min after it is due each time, as by"),
        (7 * HOUR, "0 9 * * *", "UTC", "before it is due each time"),
    ],
)
def test_another_hour_than_declared_is_one_finding(
    at: timedelta, schedule: str, timezone: str, says: str
) -> None:
    [past] = [past for past in found(DAY, at, schedule, timezone) if past.finding.rule == "off_schedule"]
    assert says in past.finding.message
    assert past.opened_at < MONDAY + 8 * DAY
    assert past.closed_at is None


def test_daily_though_declared_hourly_is_one_finding() -> None:
    rules = [past.finding.rule for past in found(DAY, 3 * HOUR, "0 * * * *")]
    assert rules.count("off_schedule") == 1
    assert rules.count("stopped_reporting") <= 3


@pytest.mark.parametrize(
    ("every", "at", "schedule", "timezone"),
    [
        (DAY, 3 * HOUR, "0 3 * * *", "UTC"),
        (DAY, 4.5 * HOUR, "0 3 * * *", "UTC"),
        (DAY, 6 * HOUR, "0 3 * * *", "UTC"),
        (DAY, 7 * HOUR, "0 3 * * *", "Europe/Berlin"),
        (HOUR, 40 * MINUTE, "0 * * * *", "UTC"),
        (4 * HOUR, 3 * HOUR, "0 */4 * * *", "UTC"),
        (6 * HOUR, 0 * HOUR, "every 6h", "UTC"),
    ],
)
def test_long_runs_are_not_off_schedule(
    every: timedelta, at: timedelta, schedule: str, timezone: str
) -> None:
    assert found(every, at, schedule, timezone) == []
