"""Drops in quality, and scores that do not come."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.domain.evaluation import Verdict
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.quality import PAST, WEEK, QualityTrend, QualityWindow
from app.audit.domain.scores import QualityDrop, StuckScoring
from app.audit.domain.transitions import transitions

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
drop, stuck = QualityDrop(), StuckScoring()


def history(*runs: ReportedRun, quality: QualityTrend | None = None) -> AgentHistory:
    return AgentHistory("nova", NOON, runs, quality=quality)


def test_a_drop_is_told_from_what_to_what() -> None:
    run = ReportedRun("run-0", "success", NOON, score=0.3)
    finding = drop.check(history(run, quality=QualityTrend(0.5, 30, 0.8, 0.1, 100)))
    assert finding
    assert finding.message == (
        "nova scored 0.50 on average in 7 days (30 runs), after 0.80 in the four weeks before"
    )
    assert finding.evidence["run_ids"] == ["run-0"]


@pytest.mark.parametrize(
    "trend",
    [
        None,
        QualityTrend(0.7, 30, 0.8, 0.01, 100),
        QualityTrend(0.5, 4, 0.8, 0.01, 100),
        QualityTrend(0.5, 30, 0.8, 0.01, 19),
        QualityTrend(0.6, 5, 0.8, 0.3, 100),
        QualityTrend(0.9, 30, 0.5, 0.1, 100),
    ],
    ids=["unknown", "little", "few runs", "little past", "by chance", "a rise"],
)
def test_what_is_no_drop(trend: QualityTrend | None) -> None:
    assert drop.check(history(ReportedRun("run-0", "success", NOON), quality=trend)) is None


def test_a_drop_stays_until_most_of_it_is_made_up_for() -> None:
    run = ReportedRun("run-0", "success", NOON)
    assert drop.check(history(run, quality=QualityTrend(0.7, 30, 0.8, 0.1, 100)), held=True)
    assert drop.check(history(run, quality=QualityTrend(0.75, 30, 0.8, 0.1, 100)), held=True) is None


def waiting(*ages: timedelta) -> AgentHistory:
    runs = tuple(ReportedRun(f"run-{i}", "success", NOON - age) for i, age in enumerate(ages))
    return AgentHistory("nova", NOON, (ReportedRun("newest", "success", NOON),), unscored=runs)


def test_scores_that_do_not_come_are_found() -> None:
    finding = stuck.check(waiting(HOUR, 3 * HOUR))
    assert finding
    assert finding.message == "2 runs of nova still wait for a score, the oldest since 09:00 UTC"
    assert finding.evidence["run_ids"] == ["run-0", "run-1"]
    assert finding.evidence["last_run"]["id"] == "newest"


def test_it_ends_when_no_run_waits_any_more() -> None:
    finding = stuck.check(waiting(HOUR))
    assert finding
    scored = waiting()
    assert not stuck.suspects(scored)
    changes = transitions([stuck], {finding.key: finding.last_run_at}, {"nova": scored}, [Verdict((), ())])
    assert changes.closed == {finding.key: {"reason": "no run of it waits for a score any more"}}


@given(st.lists(st.tuples(st.integers(0, 50 * 24), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_window_keeps_what_lies_in_it(scores: list[tuple[int, float]]) -> None:
    window, scores = QualityWindow(), sorted(scores)
    for hour, score in scores:
        window.add(NOON + hour * HOUR, score)
    newest = NOON + scores[-1][0] * HOUR
    times = [(NOON + hour * HOUR, score) for hour, score in scores]
    week = [score for at, score in times if at > newest - WEEK]
    past = [score for at, score in times if newest - WEEK - PAST < at <= newest - WEEK]
    trend = window.trend()
    assert (trend is None) == (not past)
    if trend:
        assert (trend.runs, trend.past_runs) == (len(week), len(past))
        assert trend.mean == pytest.approx(sum(week) / len(week), abs=1e-9)
        assert trend.past_mean == pytest.approx(sum(past) / len(past), abs=1e-9)
