"""Agents that have stopped reporting, and those that only seem to."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence import Cadence, Outage, Outages
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.liveness import BadSchedule, Late, NeverReported, StoppedReporting

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 9, 17, 12, tzinfo=UTC)
rule, late = StoppedReporting(), Late()


def history(ages: Sequence[timedelta], **declared: object) -> AgentHistory:
    """Runs this long before `NOW`, newest first."""
    runs = tuple(ReportedRun(f"run-{i}", "success", NOW - age) for i, age in enumerate(ages))
    return AgentHistory("atlas", NOW, runs, **declared)  # type: ignore[arg-type]


def hourly(silence: timedelta, count: int = 400) -> list[timedelta]:
    return [silence + i * HOUR for i in range(count)]


def test_a_learned_cadence_that_is_broken_is_found() -> None:
    finding = rule.check(history(hourly(3 * HOUR)))
    assert finding
    assert finding.message == (
        "atlas has not reported since 09:00 UTC; it reports about every 1 h, and was expected by 10:10 UTC"
    )
    assert finding.evidence["last_run"]["id"] == "run-0"
    assert finding.evidence["expected_by"].startswith("2026-09-17T10:10:")
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


def test_a_long_gap_of_this_week_is_reckoned_with() -> None:
    judged = history(hourly(10 * HOUR, 50))
    assert rule.check(judged)
    came_back_after_14_hours = [
        *judged.reports,
        *(judged.reports[-1] - 14 * HOUR - i * HOUR for i in range(400)),
    ]
    known = Cadence.of(reversed(came_back_after_14_hours))
    assert rule.check(AgentHistory("atlas", NOW, judged.runs, known)) is None


def test_a_run_that_came_in_while_reading_counts() -> None:
    judged = history(hourly(3 * HOUR))
    fresh = Cadence.of(reversed([NOW, *judged.reports]))
    assert rule.check(AgentHistory("atlas", NOW, judged.runs, fresh)) is None


@pytest.mark.parametrize("declared", [{}, {"schedule": "0 * * * *"}, {"schedule": "every 1h"}])
def test_a_pause_is_no_stop(declared: dict[str, str]) -> None:
    ages = hourly(8 * HOUR)
    assert rule.check(history(ages, **declared))
    assert rule.check(history(ages, watching_since=NOW - 10 * MINUTE, **declared)) is None
    assert rule.check(history(ages, watching_since=NOW - 4 * HOUR, **declared))


@pytest.mark.parametrize("declared", [{}, {"schedule": "0 * * * *"}, {"schedule": "every 1h"}])
@pytest.mark.parametrize(
    ("began", "over", "stopped"),
    [(7.5, 0.2, False), (7.5, 4, True), (8.5, 7.9, True), (2, 1, True)],
    ids=["until just now", "hours ago", "around its last report", "after its deadline"],
)
def test_what_an_outage_of_our_own_excuses(
    declared: dict[str, str], began: float, over: float, stopped: bool
) -> None:
    outage = Outage((NOW - began * HOUR).timestamp(), (NOW - over * HOUR).timestamp())
    judged = history(hourly(8 * HOUR), outages=Outages([outage]), **declared)
    assert bool(rule.check(judged)) == stopped


@settings(deadline=None)
@given(st.integers(30, 3000), st.integers(0, 5000), st.sampled_from([None, "*/7 * * * *", "0 9 * * *"]))
def test_it_is_late_before_it_is_overdue(step: int, silence: int, schedule: str | None) -> None:
    judged = history([(silence + i * step) * MINUTE for i in range(50)], schedule=schedule)
    stopped, notice = rule.check(judged), late.check(judged)
    assert not (stopped and notice)
    [deadline] = rule.change_times(judged) or [None]
    if deadline:
        assert bool(stopped) == (deadline <= NOW)
        began = min(late.change_times(judged), default=deadline)
        assert bool(notice) == (began <= NOW < deadline)


def test_a_notice_is_of_low_severity() -> None:
    judged = history([DAY + 25 * MINUTE + i * DAY for i in range(30)])
    finding = late.check(judged)
    assert finding
    assert finding.evidence["severity"] == "low"
    assert finding.message.startswith("atlas is late; its last report was at 2026-09-16 11:35 UTC")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"schedule": "0 0 31 2 *"}, "never comes"),
        ({"schedule": "hourly"}, "no schedule"),
        ({"schedule": "0 * * * *", "timezone": "Mars/Olympus"}, "no time zone"),
    ],
)
def test_a_schedule_that_is_none_is_found_and_the_habit_judged(declared: dict[str, str], reason: str) -> None:
    judged = history(hourly(3 * HOUR), **declared)
    finding = BadSchedule().check(judged)
    assert finding
    assert finding.message.startswith("atlas is watched by its habit alone: ")
    assert reason in finding.message
    stopped = rule.check(judged)
    assert stopped
    assert stopped.evidence["learned"]


def test_a_good_schedule_is_no_finding() -> None:
    assert BadSchedule().check(history([], schedule="0 9 29 2 *")) is None
    assert BadSchedule().check(history([])) is None


class TestNeverReported:
    def registered(self, ago: timedelta, **declared: object) -> AgentHistory:
        return history([], registered_at=NOW - ago, **declared)

    @pytest.mark.parametrize(
        ("ago", "declared", "found"),
        [
            (3 * HOUR, {"schedule": "0 * * * *"}, True),
            (20 * MINUTE, {"schedule": "0 * * * *"}, False),
            (2 * HOUR, {"schedule": "every 1h", "grace": 30 * MINUTE}, True),
            (2 * HOUR, {"schedule": "0 0 31 2 *"}, False),
            (8 * DAY, {"schedule": "0 0 31 2 *"}, True),
            (6 * DAY, {}, False),
            (7 * DAY, {}, True),
        ],
    )
    def test_after_the_first_time_it_was_due(
        self, ago: timedelta, declared: dict[str, object], found: bool
    ) -> None:
        finding = NeverReported().check(self.registered(ago, **declared))
        assert bool(finding) == found
        assert finding is None or finding.message.startswith("atlas was registered ")

    def test_a_run_ends_it(self) -> None:
        assert NeverReported().check(history([MINUTE], registered_at=NOW - 30 * DAY)) is None

    def test_an_agent_that_is_not_registered_is_none(self) -> None:
        assert NeverReported().check(history([])) is None


def test_a_clock_that_was_set_back_is_no_stop() -> None:
    """Reports then lie an hour ahead of now."""
    for declared in ({}, {"schedule": "0 * * * *"}, {"schedule": "every 1h"}):
        assert rule.check(history(hourly(-HOUR), **declared)) is None
        assert late.check(history(hourly(-HOUR), **declared)) is None


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
    for each in (rule, late):
        assert each.suspects(history(ages[:6], **declared)) or each.check(history(ages, **declared)) is None


def test_who_stopped_before_an_outage_has_stopped_still_in_it() -> None:
    now = Outages([Outage((NOW - 130 * MINUTE).timestamp(), NOW.timestamp())])
    stopped = history(hourly(3 * HOUR), outages=now)
    assert rule.check(stopped) is None
    assert rule.check(stopped, is_open=True) == rule.check(history(hourly(3 * HOUR)))
    assert rule.check(history(hourly(HOUR / 2), outages=now), is_open=True) is None
