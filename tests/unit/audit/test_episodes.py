"""One failing episode is one finding, and what fails by nature is a rate."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import PastFinding

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
RULES = all_rules(failure_streak=3, silence_streak=3)
NAMES = {"F": "failed", "s": "success", "p": "partial"}


def found(statuses: str) -> list[PastFinding]:
    """Over the hourly runs of an agent, oldest first."""
    runs = [
        ReportedRun(f"run-{i}", NAMES[status], MONDAY + i * HOUR, summary=f"batch {i}")
        for i, status in enumerate(statuses)
    ]
    return judge(RULES, {"nova": runs}, {}).found


def findings_by_rule(statuses: str) -> Counter[str]:
    return Counter(past.finding.rule for past in found(statuses))


@pytest.mark.parametrize("episode", ["FFF", "FFFFpFFpFFFF", "FFFpppppFFFpFpF", "FFF" + "p" * 40, "FFFp" * 12])
def test_an_episode_broken_by_partial_runs_is_one_finding(episode: str) -> None:
    [past] = found("s" * 60 + episode + "s" * 60)
    assert past.finding.rule == "consecutive_failures"
    assert past.opened_at == MONDAY + 62 * HOUR
    assert past.closed_at == MONDAY + (60 + len(episode)) * HOUR


def test_a_second_episode_is_reported_as_well() -> None:
    assert findings_by_rule("s" * 60 + "FFF" + "s" * 10 + "FFF" + "s" * 10) == {"consecutive_failures": 2}


def test_a_flake_of_every_night_is_reported_once_and_then_stays_a_rate() -> None:
    night = "ssssFFFF" + "s" * 16
    assert findings_by_rule(night * 60) == {"consecutive_failures": 1, "failure_rate": 1}
    assert findings_by_rule(night * 20 + "F" * 12 + "s" * 12 + night * 5)["consecutive_failures"] == 2


def test_failures_at_another_hour_than_the_known_flake_are_news() -> None:
    days = ["ssssFFFF" + "s" * 16, "s" * 14 + "FFFF" + "s" * 6]
    assert findings_by_rule("".join(days))["consecutive_failures"] == 2


def test_an_agent_that_keeps_failing_is_not_reported_for_a_streak_of_five() -> None:
    quarter = "Fsss" * 60
    assert findings_by_rule(quarter + "FFFFF" + "sss" + quarter)["consecutive_failures"] == 0
    assert findings_by_rule(quarter + "F" * 15 + "sss" + quarter)["consecutive_failures"] == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.2, 0.25, 0.35])
def test_to_fail_by_nature_is_one_rate(share: float, seed: int) -> None:
    chance = random.Random(seed)
    rules = findings_by_rule("".join("F" if chance.random() < share else "s" for _ in range(2000)))
    assert 1 <= rules["failure_rate"] <= 2
    assert sum(rules.values()) <= 4


def test_who_fails_now_and_then_is_not_told_of() -> None:
    chance = random.Random(1)
    assert not findings_by_rule("".join("F" if chance.random() < 0.03 else "s" for _ in range(3000)))


def test_partial_for_ever_is_told_once() -> None:
    [past] = found("s" * 48 + "p" * 336)
    assert past.finding.rule == "not_succeeding"
    assert past.opened_at == MONDAY + 57 * HOUR
    assert past.closed_at is None
    assert past.finding.message.startswith("nova has not succeeded in its last 336 runs")
    [past] = found("s" * 48 + "p" * 100 + "s")
    assert past.closed_at == MONDAY + 148 * HOUR


@pytest.mark.parametrize("statuses", ["p" * 300, "spp" * 100, "s" * 50 + "p" * 9 + "s" * 20])
def test_partial_by_nature_or_for_a_while_is_no_news(statuses: str) -> None:
    assert not findings_by_rule(statuses)


def reported(times: Iterable[tuple[timedelta, str]]) -> list[PastFinding]:
    runs = [
        ReportedRun(f"run-{i}", "success", MONDAY + at, summary=said) for i, (at, said) in enumerate(times)
    ]
    return [past for past in judge(RULES, {"nova": runs}, {}).found if past.finding.rule == "runs_twice"]


@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("hours", [1, 24])
def test_each_run_twice_is_one_finding(hours: int, times: int) -> None:
    before = [(hour * HOUR * hours, f"batch {hour}") for hour in range(20)]
    twice = [
        (hour * HOUR * hours + i * 6 * SECOND, f"batch {hour}")
        for hour in range(20, 60)
        for i in range(times)
    ]
    after = [(hour * HOUR * hours, f"batch {hour}") for hour in range(60, 90)]
    [past] = reported([*before, *twice])
    assert past.closed_at is None
    assert past.opened_at - MONDAY < 27 * hours * HOUR
    [past] = reported([*before, *twice, *after])
    assert past.closed_at


def test_many_parts_of_a_job_and_some_retries_are_not_twice() -> None:
    chance = random.Random(1)
    parts = [(day * 24 * HOUR + i * 30 * SECOND, "part done") for day in range(60) for i in range(10)]
    retries = [
        (hour * HOUR + i * 20 * SECOND, f"batch {hour}")
        for hour in range(600)
        for i in range(2 if chance.random() < 0.3 else 1)
    ]
    assert reported(parts) == reported(retries) == []
