"""Silence that is news, and silence that is an agent's way."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from app.audit.domain.backtest import judge
from app.audit.domain.habit import Habit, is_unusual_silence
from app.audit.domain.history import ReportedRun
from app.audit.domain.streaks import SilentRuns

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)


def reported(flags: Sequence[bool]) -> list[tuple[int, bool]]:
    """At which runs of an hourly agent silence was reported, and whether that ended."""
    runs = [
        ReportedRun(f"run-{i}", "success", MONDAY + i * HOUR, summary="ok", silent=silent)
        for i, silent in enumerate(flags)
    ]
    found = judge([SilentRuns(3)], {"nova": runs}, {}).found
    return [((past.opened_at - MONDAY) // HOUR, past.closed_at is not None) for past in found]


def at_random(share: float, count: int, seed: int = 1) -> Iterator[bool]:
    chance = random.Random(seed)
    return (chance.random() < share for _ in range(count))


@pytest.mark.parametrize("spoke", [1, 5, 20, 400])
def test_a_productive_agent_that_falls_silent_is_reported_at_its_third_silent_run(spoke: int) -> None:
    assert reported([False] * spoke + [True] * 40) == [(spoke + 2, False)]
    assert reported([False] * spoke + [True] * 40 + [False] * 5) == [(spoke + 2, True)]


def test_a_long_silence_stays_one_finding_beyond_what_is_remembered() -> None:
    assert reported([False] * 50 + [True] * 700 + [False]) == [(52, True)]


def test_an_agent_that_has_never_spoken_is_reported_once() -> None:
    assert reported([True] * 400) == [(2, False)]


def test_an_agent_that_never_spoke_in_all_that_is_known_has_that_habit() -> None:
    assert not is_unusual_silence(Habit.of([True] * 100))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.8, 0.95])
def test_a_watcher_with_nothing_to_say_is_no_news_once_that_is_known(share: float) -> None:
    starts = [[at for at, _ in reported(list(at_random(share, 2000, seed)))] for seed in range(5)]
    assert max(map(len, starts)) <= 1
    assert sum(at > 20 for (at,) in filter(None, starts)) <= 1


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_a_watcher_that_says_nothing_at_all_any_more_is_news(share: float) -> None:
    [(at, is_over)] = reported([*at_random(share, 300), *[True] * 100])
    assert 300 < at < 340
    assert not is_over


def test_silence_of_every_night_is_no_news_but_of_a_day_is() -> None:
    nightly = [hour % 24 < 8 for hour in range(24 * 20)]
    first_night = (2, True)
    assert reported(nightly[24:]) == [first_night]
    [_, (at, _)] = reported([*nightly[24:], *[True] * 24])
    assert at == len(nightly) - 24 + 12


def test_every_second_run_silent_is_one_finding() -> None:
    flags = [False, True] * 200
    [(at, is_over)] = reported(flags)
    assert (at < 40, is_over) == (True, False)
    [(_, is_over)] = reported([*flags, *[False] * 30])
    assert is_over


def test_a_habit_is_the_same_learned_at_once_or_run_by_run() -> None:
    flags = list(at_random(0.4, 1000))
    by_run = Habit()
    for flag in flags:
        by_run.observe(flag)
    newest = list(islice(flags, len(flags) - 300, None))
    at_once = Habit.of(newest)
    assert by_run.streak == at_once.streak
    assert is_unusual_silence(by_run) == is_unusual_silence(at_once)
