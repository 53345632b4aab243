"""Where bars and points lie."""

from datetime import UTC, datetime, timedelta

from app.dashboard.quality_weeks import QualityWeek
from app.runs.activity import Activity, RunMark
from app.web.charts import CELL, HEIGHT, MARK, WIDTH, Axis, days_until, hours_until, series, strip, timeline

NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)
DAYS = days_until(NOW, 3)
AXIS = Axis(DAYS, "%Y-%m-%d")


def day(place: int, runs: int, failed: int = 0, silent: int = 0) -> Activity:
    """What an agent did on one of the three days."""
    return Activity("sage", DAYS[place], runs, failed, silent)


def test_hours_and_days_end_with_the_present_one() -> None:
    assert hours_until(NOW, 2) == tuple(datetime(2026, 11, 29, hour, tzinfo=UTC) for hour in (9, 10))
    assert tuple(datetime(2026, 11, day, tzinfo=UTC) for day in (27, 28, 29)) == DAYS


def test_a_day_without_runs_has_no_bar_and_a_good_one_a_whole() -> None:
    found = strip(
        (
            day(0, 3),
            day(2, 1),
        ),
        AXIS,
    )
    assert (found.good, found.failed, found.silent) == ("M0 0h8v16h-8zM20 0h8v16h-8z", "", "")
    assert (found.notable, found.words) == ((), "4 runs")


def test_failures_hang_from_the_top_and_silence_stands_at_the_bottom() -> None:
    found = strip((day(1, 4, failed=1, silent=2),), AXIS)
    assert (found.failed, found.silent, found.good) == ("M10 0h8v4h-8z", "M10 8h8v8h-8z", "M10 4h8v4h-8z")
    assert [cell.words for cell in found.notable] == ["2026-11-28: 4 runs, 1 failed, 2 silent"]


def test_one_of_a_thousand_can_be_seen_and_all_but_one_are_not_all() -> None:
    assert strip((day(0, 1000, failed=1),), AXIS).failed == "M0 0h8v3h-8z"
    assert strip((day(0, 1000, silent=999),), AXIS).good == "M0 0h8v6h-8z"


def test_a_run_that_failed_without_a_word_is_shown_as_failed() -> None:
    found = strip((day(0, 2, failed=2, silent=2),), AXIS)
    assert (found.failed, found.silent, found.good) == ("M0 0h8v16h-8z", "", "")


def test_a_day_that_is_not_shown_is_not_counted() -> None:
    assert strip((Activity("sage", DAYS[0] - timedelta(days=1), 5, 0, 0),), AXIS).words == "0 runs"


def test_weeks_without_a_score_are_left_out_and_a_small_change_looks_small() -> None:
    weeks = [QualityWeek(NOW, mean, 0.01 if mean else None, 9) for mean in (None, 0.6, 0.62)]
    found = series(weeks)
    assert found is not None
    assert (len(found.points), found.low, found.high) == (2, 0.51, 0.71)
    first, second = found.points
    assert 0 < second.top < second.y < second.bottom < HEIGHT
    assert first.y - second.y < HEIGHT / 8
    assert series([QualityWeek(NOW, None, None, 0)]) is None


def test_scores_at_the_ends_stay_within_the_drawing() -> None:
    found = series([QualityWeek(NOW, mean, 0.3, 9) for mean in (0.0, 1.0)])
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)
    assert all(0 <= y <= HEIGHT for point in found.points for y in (point.top, point.y, point.bottom))


def test_an_expected_hour_has_a_place_up_to_some_hours_ahead() -> None:
    hours = Axis(hours_until(NOW, 24), "%H:%M")
    assert hours.place_of(NOW, 2) == 23 * CELL
    assert hours.place_of(NOW + timedelta(hours=2), 2) == 25 * CELL
    assert hours.place_of(NOW + timedelta(hours=3), 2) is None
    assert hours.place_of(NOW - timedelta(hours=24), 2) is None


def test_single_runs_lie_at_their_times_and_the_expected_one_ahead() -> None:
    start, end = NOW - timedelta(hours=24), NOW + timedelta(hours=3)
    runs = [
        RunMark(NOW, "failed", silent=True),
        RunMark(start, "success", silent=True),
        RunMark(start, "partial", silent=False),
    ]
    found = timeline(runs, start, NOW, end, end)
    assert found.failed.startswith(f"M{found.now} 0")
    assert found.silent.startswith("M0.0 12")
    assert found.good.startswith("M0.0 0")
    assert found.expected == WIDTH - MARK
    assert [cell.words for cell in found.notable] == ["10:30 UTC: failed", "10:30 UTC: silent"]
    assert found.words == "3 runs, 1 failed, 1 silent"
    for out_of_sight in (None, end + timedelta(hours=1), start - timedelta(hours=1)):
        assert timeline([], start, NOW, end, out_of_sight).expected is None
