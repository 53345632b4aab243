"""When beat sends what, whatever the wall clock says, and that it ends."""

from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery

from app.tasks import beat


class Clock:
    """Stands for `time`: the monotonic clock goes on as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Recording(beat.MonotonicScheduler):
    """Notes what it would send."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.sent: list[str] = []
        super().__init__(*arguments, **options)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append(entry.name)
        if entry.name == "last":  # a signal's exception that a library did not pass on
            self.ending = True

    producer = None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(beat, "time", made)
    return made


def scheduler(**intervals: float) -> Recording:
    """One with an entry of each name."""
    app = Celery(set_as_current=False)
    app.conf.beat_schedule = {name: {"task": name, "schedule": each} for name, each in intervals.items()}
    app.conf.result_expires = None
    return Recording(app)


def test_each_entry_comes_each_so_many_seconds(clock: Clock) -> None:
    made = scheduler(often=10.0, seldom=25.0)
    assert made.tick() == 10
    for _ in range(50):
        clock.now += 1
        made.tick()
    assert (made.sent.count("often"), made.sent.count("seldom")) == (5, 2)


def test_a_clock_that_is_set_back_delays_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scheduler(often=10.0)
    made.tick()
    for year in (1990, 2090, 1990):
        monkeypatch.setattr(made.app, "now", lambda year=year: datetime(year, 1, 1, tzinfo=UTC))
        clock.now += 10
        assert made.tick() == 10
    assert made.sent == ["often"] * 3


def test_what_was_missed_is_sent_once(clock: Clock) -> None:
    made = scheduler(often=10.0)
    made.tick()
    clock.now += 3600
    made.tick()
    made.tick()
    assert made.sent == ["often"]


def test_it_ends_also_where_the_signal_was_lost_while_it_sent(clock: Clock) -> None:
    made = scheduler(last=10.0)
    made.tick()
    clock.now += 10
    with pytest.raises(SystemExit):
        made.tick()
    assert made.sent == ["last"]
