"""How long a worker rests between two batches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.domain.runs import made_at, new_run_id
from app.tasks import pacing
from app.tasks.pacing import Pace, others_seconds, rest_seconds

NEW = timedelta()
WHEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of these tests."""
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(pacing, "others_seconds", others_seconds)


def rest(busy: float, *, age: timedelta = NEW, flood: bool = True) -> float:
    """The rest after a tenth of a second, with so many processors busy."""
    return rest_seconds(busy=busy, worked=0.1, age=age, flood=flood)


@pytest.mark.parametrize("busy", [0.0, 0.5, 1.0])
def test_where_a_processor_is_free_nobody_rests(busy: float) -> None:
    assert rest(busy) == 0


def test_the_busier_the_machine_the_longer_the_rest_but_never_long() -> None:
    rests = [rest(1 + busy / 10) for busy in range(11)]
    assert rests == sorted(rests)
    assert rests[1] > 0
    assert rests[-1] == rest(1000) <= 5


def test_runs_that_have_waited_are_not_kept_waiting() -> None:
    ages = [rest(1.3, age=timedelta(seconds=seconds)) for seconds in (0, 200, 400, 600, 1000)]
    assert ages == sorted(ages, reverse=True)
    assert ages[0] > ages[1] > ages[2] > 0
    assert ages[3:] == [0, 0]


def test_runs_that_a_worker_can_follow_are_not_kept_waiting_for_long() -> None:
    assert rest(1.3, flood=False) > 0
    assert rest(1.3, flood=False, age=timedelta(seconds=3)) == 0
    assert rest(1.3, flood=True, age=timedelta(seconds=3)) > 0


def test_all_that_others_do_counts_and_our_own_time_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat, ours = tmp_path / "stat", [0.25]
    monkeypatch.setattr(pacing, "_STAT", stat)
    monkeypatch.setattr(pacing.time, "process_time", lambda: ours[0])
    assert others_seconds() is None
    stat.write_text("cpu  100 500 200 90000 700 10 20 30 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n", encoding="ascii")
    assert others_seconds() == pytest.approx(8.6 - 0.25)  # a hundredth of a second is a tick
    # A second more of which we took a half; the rest was idle.
    stat.write_text("cpu  150 550 200 99999 999 10 20 30 0 0\n", encoding="ascii")
    ours[0] = 0.75
    assert others_seconds() == pytest.approx(9.6 - 0.75)


def test_a_pace_measures_over_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat, now = tmp_path / "stat", [0.0]
    monkeypatch.setattr(pacing, "_STAT", stat)
    monkeypatch.setattr(pacing.time, "process_time", lambda: 0.0)
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\n", encoding="ascii")
    pace = Pace(lambda: now[0])
    stat.write_text("cpu  150 0 0 0 0 0 0 0 0 0\n", encoding="ascii")
    for moment, expected in ((0.4, 0.0), (1.0, rest(1.5)), (1.4, rest(1.5)), (1.5, 0.0)):
        now[0] = moment
        assert pace.rest_after(0.1, [WHEN] * 250, WHEN) == pytest.approx(expected)
    stat.unlink()
    now[0] = 3.0
    assert pace.rest_after(0.1, [WHEN] * 250, WHEN) == 0


def test_a_flood_is_seen_from_when_the_runs_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(pacing, "rest_seconds", lambda **given: seen.append((given["flood"], given["age"])))
    pace = Pace(lambda: 0.0)
    made = [WHEN + timedelta(milliseconds=n / 2) for n in range(501)]  # 2,000 a second
    later = WHEN + timedelta(seconds=9)
    pace.rest_after(1.0, made, later)  # 500 a second are scored
    pace.rest_after(0.5, made, later)  # 1,000
    pace.rest_after(0.1, [WHEN], WHEN)
    assert pace.rest_after(0.1, [], WHEN) == 0
    assert seen == [(True, timedelta(seconds=9)), (False, timedelta(seconds=9)), (False, timedelta())]


def test_ids_tell_when_they_were_made_and_grow() -> None:
    ids = [new_run_id() for _ in range(1000)]
    made = made_at(ids[-1])
    assert len(set(ids)) == 1000
    assert made is not None
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    assert [made_at(run_id) for run_id in ids] == sorted(made_at(run_id) for run_id in ids)  # type: ignore[type-var]
    assert {(run_id.version, run_id.variant) for run_id in ids} == {(7, "specified in RFC 4122")}
    assert made_at(uuid4()) is None
