"""Runs that took far more than an agent's runs ever do, and those that only seem to."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from app.audit.domain.backtest import judge
from app.audit.domain.history import ReportedRun
from app.audit.domain.recorded import RecordedRuns
from app.audit.domain.replay import PastFinding
from app.audit.domain.unusual_usage import UnusualUsage
from app.audit.domain.usage import Usual
from app.runs.usage import Usage

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MINUTES = 60.0  # seconds


def usual(count: int, sigma: float = 0.3, seed: int = 1) -> list[float]:
    """Seconds of runs that take about twelve minutes."""
    chance = random.Random(seed)
    return [12 * MINUTES * chance.lognormvariate(0, sigma) for _ in range(count)]


def taking(seconds: Iterable[float | None], every: timedelta = HOUR) -> list[ReportedRun]:
    """Runs that took so long; None of one that does not say it."""
    return [
        ReportedRun(f"run-{i}", "success", MONDAY + i * every, summary=f"did {i}", usage=Usage(each))
        for i, each in enumerate(seconds)
    ]


def found(runs: Sequence[ReportedRun]) -> list[PastFinding]:
    """What the rule finds of them, over time."""
    result = judge([UnusualUsage()], {"nova": runs}, {})
    assert result.errors == []
    return result.found


def spans(runs: Sequence[ReportedRun]) -> list[tuple[int, int | None]]:
    """At which runs findings opened and closed."""
    at = {run.created_at: i for i, run in enumerate(runs)}
    return [(at[past.opened_at], at[past.closed_at] if past.closed_at else None) for past in found(runs)]


def test_a_run_that_took_twenty_times_as_long_is_found_until_the_next_is_as_usual() -> None:
    runs = taking([*[600.0, 720.0, 1500.0] * 100, 252 * MINUTES, 660.0, 660.0])
    [past] = found(runs)
    message = "nova took 4 h 12 min, 21 times as long as usual (12 min, at most 25 min)"
    assert past.finding.message == f"{message}, in its run at 12:00 UTC: “did 300”"
    assert past.finding.evidence["unusual_run"]["id"] == "run-300"
    assert past.opened_at == MONDAY + 300 * HOUR
    assert past.closing_evidence is not None
    assert past.closing_evidence["reason"] == "nova took 11 min in its run at 13:00 UTC, which is usual"
    assert past.closing_evidence["run"]["id"] == "run-301"


def test_cost_is_judged_before_tokens_and_all_that_is_unusual_is_said() -> None:
    figures = [Usage(60.0, 1000, 0.02)] * 50 + [Usage(60.0, 50_000, 1.0), Usage(4000.0, 1000, 1.2)]
    runs = [ReportedRun(f"run-{i}", "success", MONDAY + i * HOUR, usage=u) for i, u in enumerate(figures)]
    assert [past.finding.message for past in found(runs[:-1])] == [
        "nova cost $1.00, 50 times as much as usual ($0.0200, at most $0.0200), in its run at 02:00 UTC"
    ]
    [past] = found(runs)
    assert "took 1 h 6 min, 67 times as long as usual" in past.finding.message
    assert "and cost $1.20, 60 times as much as usual ($0.0200, at most $0.0200)" in past.finding.message


def test_tokens_stand_for_the_cost_that_is_not_reported() -> None:
    tokens = [*[1000] * 40, 70_000]
    runs = [
        ReportedRun(f"run-{i}", "success", MONDAY + i * HOUR, usage=Usage(None, each, 0.0))
        for i, each in enumerate(tokens)
    ]
    [past] = found(runs)
    assert "nova used 70,000 tokens, 70 times as many as usual (1,000, at most 1,000)" in past.finding.message


def test_a_new_level_is_one_finding_and_usual_after_a_day() -> None:
    assert spans(taking([*usual(300), *(30 * each for each in usual(60, seed=2))])) == [(300, 320)]


def test_long_runs_by_turns_are_one_finding() -> None:
    long_by_turns = [each * (30 if i % 3 == 0 else 1) for i, each in enumerate(usual(60, seed=2))]
    assert spans(taking([*usual(100), *long_by_turns])) == [(100, 101)]


def test_runs_that_do_not_say_it_leave_a_finding_open_for_a_few() -> None:
    assert spans(taking([*usual(60), 9000 * MINUTES, None, None, *[None] * 8])) == [(60, 66)]


def test_several_runs_between_two_cycles_do_not_hide_one() -> None:
    seconds = [*usual(100), 600 * MINUTES, *usual(40, seed=2)]
    [(opened, closed)] = spans(taking(seconds, every=4 * MINUTE))
    assert (opened, closed) == (100, 104)


@pytest.mark.parametrize("known", [5, 29])
def test_of_few_runs_it_is_not_known_what_is_usual(known: int) -> None:
    assert found(taking([*[60.0] * known, 60_000.0])) == []


def test_an_agent_that_grows_is_no_news() -> None:
    assert found(taking(each * 1.01**i for i, each in enumerate(usual(900)))) == []


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.7, 1.0])
def test_runs_of_a_heavy_tail_are_no_news(sigma: float) -> None:
    assert found(taking(usual(1500, sigma))) == []


@pytest.mark.parametrize("amount", [5e-324, 1e-300, 1e15])
@pytest.mark.parametrize("known", [40, 300])
def test_any_amounts_have_a_limit(amount: float, known: int) -> None:
    for amounts in ([amount] * known, [amount, 1.0] * (known // 2), [1.0] * (known - 1) + [amount]):
        limit = Usual.of(amounts, 0.0)
        assert limit is not None
        assert 0 < limit.median <= limit.most * (1 + 1e-9)
        assert limit.most < limit.limit < inf


def test_recorded_runs_keep_what_they_took() -> None:
    runs, recorded = taking([1.5, None, 0.0]), RecordedRuns()
    for run in reversed(runs):
        recorded.add(run)
    recorded.sort()
    assert [run.usage for run in recorded] == [Usage(1.5), Usage(), Usage(0.0)]
