"""Agents that have stopped reporting, and those that only seem to."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.audit.history import AgentHistory, ReportedRun
from app.domain.audit.liveness import StoppedReporting
from app.domain.cadence import Past

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 9, 17, 12, tzinfo=UTC)
rule = StoppedReporting()


def history(ages: Sequence[timedelta], **declared: object) -> AgentHistory:
    """Runs this long before `NOW`, newest first."""
    runs = tuple(ReportedRun(f"run-{i}", "success", NOW - age) for i, age in enumerate(ages))
    return AgentHistory("atlas", NOW, runs, **declared)  # type: ignore[arg-type]


def hourly(silence: timedelta, count: int = 50) -> list[timedelta]:
    return [silence + i * HOUR for i in range(count)]


def test_a_learned_cadence_that_is_broken_is_found() -> None:
    finding = rule.check(history(hourly(3 * HOUR)))
    assert finding
    assert finding.message == (
        "atlas has not reported since 09:00 UTC; it reports about every 1 h, at most 1 h apart,"
        " and was expected by 10:30 UTC"
    )
    assert finding.evidence["last_run"]["id"] == "run-0"
    assert finding.evidence["expected_by"] == "2026-09-17T10:30:00+00:00"
    assert finding.evidence["learned"]


def test_a_declared_schedule_that_is_missed_is_found() -> None:
    finding = rule.check(history([3 * HOUR], schedule="*/15 * * * *", grace=5 * MINUTE))
    assert finding
    assert finding.message == (
        "atlas has not reported since 09:00 UTC; it is due `*/15 * * * *` (UTC),"
        " and was expected by 09:20 UTC"
    )
    assert finding.evidence["due_at"] == "2026-09-17T09:15:00+00:00"


def test_the_schedule_counts_in_its_own_time_zone() -> None:
    declared = {"schedule": "0 9 * * *", "timezone": "America/New_York", "grace": MINUTE}
    assert rule.check(history([23 * HOUR], **declared)) is None
    later = history([23 * HOUR], **declared)
    assert rule.check(AgentHistory("atlas", NOW + 2 * HOUR, later.runs, **declared))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ages",
    [
        [],
        [90 * DAY],
        [30 * DAY, 31 * DAY, 32 * DAY],
        hourly(HOUR),
        hourly(-2 * HOUR),
        [2 * HOUR + i * timedelta(seconds=7) for i in range(50)],
    ],
    ids=["never", "once", "a few times", "on time", "from the future", "one burst"],
)
def test_what_shows_no_stop(ages: list[timedelta]) -> None:
    assert rule.check(history(ages)) is None


def test_a_long_gap_further_back_is_reckoned_with() -> None:
    told = history(hourly(10 * HOUR))
    assert rule.check(told)
    reports = tuple(told.reports)
    known = Past(reports, since=NOW - 15 * DAY, longest_gap=14 * HOUR)
    assert rule.check(AgentHistory("atlas", NOW, told.runs, known)) is None


def test_a_run_that_came_in_while_reading_counts() -> None:
    told = history(hourly(3 * HOUR))
    fresh = Past((NOW, *told.reports), since=NOW - 15 * DAY, longest_gap=HOUR)
    assert rule.check(AgentHistory("atlas", NOW, told.runs, fresh)) is None


@pytest.mark.parametrize("declared", [{}, {"schedule": "0 * * * *"}, {"schedule": "every 1h"}])
def test_an_outage_of_our_own_is_no_stop(declared: dict[str, str]) -> None:
    ages = hourly(8 * HOUR)
    assert rule.check(history(ages, **declared))
    assert rule.check(history(ages, watching_since=NOW - 10 * MINUTE, **declared)) is None
    assert rule.check(history(ages, watching_since=NOW - 4 * HOUR, **declared))


def test_a_schedule_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="never comes"):
        rule.check(history([3 * HOUR], schedule="0 0 31 2 *"))


@settings(deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(1, 60),
    st.integers(0, 5000),
    st.sampled_from([None, "*/5 * * * *", "0 9 * * 1-5", "every 45m"]),
    st.sampled_from([None, timedelta(), 5 * MINUTE]),
    st.randoms(use_true_random=False),
)
def test_what_is_found_at_full_depth_is_suspected_at_a_glance(
    step: int,
    count: int,
    silence: int,
    schedule: str | None,
    grace: timedelta | None,
    chance: random.Random,
) -> None:
    ages = sorted((silence + (i + chance.random() / 5) * step) * MINUTE for i in range(count))
    declared = {"schedule": schedule, "grace": grace}
    assert rule.suspects(history(ages[:6], **declared)) or rule.check(history(ages, **declared)) is None
