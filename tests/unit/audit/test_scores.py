"""Drops in quality, and scores that do not come."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.domain.evaluation import Verdict
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.quality import DAYS_READ, QualityTrend, QualityWindow
from app.audit.domain.scores import QualityDrop, StuckScoring
from app.audit.domain.transitions import transitions
from app.scoring.domain.comparison import Day

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
drop, stuck = QualityDrop(), StuckScoring()


def history(*runs: ReportedRun, quality: QualityTrend | None = None) -> AgentHistory:
    return AgentHistory("nova", NOON, runs, quality=quality)


def trend(week: float, past: float, *, runs: int = 3, spread: float = 0.05) -> QualityTrend:
    """So many runs a day, whose mean is `spread` above that of its week on one day and below on the next."""
    return QualityTrend(
        [
            Day(runs * ((week if day < 7 else past) + (spread if day % 2 else -spread)), runs)
            for day in range(DAYS_READ)
        ]
    )


def of_newest_days(lately: float, days: int, *, runs: int = 8, before: float = 0.8) -> QualityTrend:
    """Runs that scored `before`, and `lately` on the newest days."""
    return QualityTrend([Day(runs * (lately if day < days else before), runs) for day in range(DAYS_READ)])


def test_a_drop_is_told_from_what_to_what() -> None:
    run = ReportedRun("run-0", "success", NOON, score=0.3)
    finding = drop.check(history(run, quality=trend(0.5, 0.8)))
    assert finding
    assert finding.message == (
        "nova scored 0.49 (thin) on average in 7 days (21 runs), after 0.80 (shown) in the four weeks before"
    )
    assert finding.evidence["run_ids"] == ["run-0"]
    assert (finding.evidence["days"], finding.evidence["past_runs"]) == (7, 84)


def test_a_sudden_drop_is_told_before_the_week_is_over() -> None:
    run = ReportedRun("run-0", "success", NOON)
    finding = drop.check(history(run, quality=of_newest_days(0.5, 3)))
    assert finding
    assert finding.message == (
        "nova scored 0.50 (thin) on average in 3 days (24 runs),"
        " after 0.80 (shown) on the same days of the four weeks before"
    )
    assert drop.check(history(run, quality=of_newest_days(0.5, 2))) is None
    assert drop.check(history(run, quality=of_newest_days(0.5, 3, runs=4))) is None


def test_a_weekend_is_compared_with_weekends() -> None:
    """Each week the agent scores far less on three days in a row, and these are the newest ones."""
    weekly = QualityTrend([Day(8 * (0.4 if day % 7 < 3 else 0.8), 8) for day in range(DAYS_READ)])
    assert drop.check(history(ReportedRun("run-0", "success", NOON), quality=weekly)) is None


def without(quality: QualityTrend, *days: int) -> QualityTrend:
    return QualityTrend([Day(0.0, 0) if n in days else day for n, day in enumerate(quality.days)])


@pytest.mark.parametrize(
    "quality",
    [
        None,
        trend(0.7, 0.8, spread=0.0),
        without(trend(0.5, 0.8, runs=1), 0, 2, 4),
        without(trend(0.5, 0.8, runs=1), *range(26, 35)),
        without(trend(0.5, 0.8, runs=9), *range(2, 7)),
        trend(0.6, 0.8, spread=0.3),
        trend(0.9, 0.5),
        QualityTrend([Day(float("inf"), 3)] * DAYS_READ),
    ],
    ids=["unknown", "little", "few runs", "little past", "few days", "by chance", "a rise", "no scores"],
)
def test_what_is_no_drop(quality: QualityTrend | None) -> None:
    assert drop.check(history(ReportedRun("run-0", "success", NOON), quality=quality)) is None


def test_what_else_is_no_drop_would_be_one() -> None:
    """The cases above are apart from this one by what their names say."""
    run = ReportedRun("run-0", "success", NOON)
    assert drop.check(history(run, quality=trend(0.5, 0.8, runs=1)))
    assert drop.check(history(run, quality=trend(0.6, 0.8)))


def test_a_drop_stays_until_most_of_it_is_made_up_for() -> None:
    run = ReportedRun("run-0", "success", NOON)
    assert drop.check(history(run, quality=trend(0.7, 0.8)), is_open=True)
    assert drop.check(history(run, quality=trend(0.75, 0.8)), is_open=True) is None
    assert drop.check(history(run, quality=of_newest_days(0.7, 3)), is_open=True)


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
    quality = window.trend()
    assert quality
    newest = scores[-1][0]
    for number, day in enumerate(quality.days):
        of_day = [score for hour, score in scores if (newest - hour) // 24 == number]
        assert day.runs == len(of_day)
        assert day.total == pytest.approx(sum(of_day), abs=1e-9)
        assert day.total >= 0


def test_a_window_without_scores_has_no_trend() -> None:
    assert QualityWindow().trend() is None
