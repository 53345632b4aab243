"""How long a worker waits between two batches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.runs.run import made_at, new_run_id
from app.tasks import pacing
from app.tasks.pacing import Pace, delay_seconds, others_seconds

NEW = timedelta()
WHEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of these tests."""
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(pacing, "others_seconds", others_seconds)


def delay(busy: float, *, age: timedelta = NEW, overload: bool = True) -> float:
    """The delay after a tenth of a second, with so many processors busy."""
    return delay_seconds(busy=busy, worked=0.1, age=age, overload=overload)


@pytest.mark.parametrize("busy", [0.0, 0.5, 1.0])
def test_where_a_processor_is_free_there_is_no_delay(busy: float) -> None:
    assert delay(busy) == 0


def test_the_busier_the_machine_the_longer_the_delay_but_never_long() -> None:
    delays = [delay(1 + busy / 10) for busy in range(11)]
    assert delays == sorted(delays)
    assert delays[1] > 0
    assert delays[-1] == pytest.approx(5)
    assert delay(1000) == 10


def test_runs_that_have_waited_are_not_kept_waiting() -> None:
    delays = [delay(1.8, age=timedelta(seconds=seconds)) for seconds in (0, 590, 598, 600, 1000)]
    assert delays == [pytest.approx(4), pytest.approx(4), pytest.approx(2), 0, 0]


def test_runs_that_a_worker_can_follow_are_not_kept_waiting_for_long() -> None:
    assert delay(1.8, overload=False) == pytest.approx(3)
    assert delay(1.8, overload=False, age=timedelta(seconds=2)) == pytest.approx(1)
    assert delay(1.8, overload=False, age=timedelta(seconds=3)) == 0
    assert delay(1.8, overload=True, age=timedelta(seconds=3)) == pytest.approx(4)


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


class Machine:
    """What a pace asks: the time, and the seconds of processor time that others have used."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        self.used: float | None = 0.0
        monkeypatch.setattr(pacing, "others_seconds", lambda: self.used)
        monkeypatch.setattr(pacing.asyncio, "sleep", self._sleep)
        self.slept: list[float] = []
        self.busy = 0.0
        self.pace = Pace(lambda: self.now)

    def goes_on(self, seconds: float, busy: float) -> None:
        """For so long others keep so many processors busy."""
        self.now += seconds
        if self.used is not None:
            self.used += seconds * busy

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.goes_on(seconds, self.busy)

    def delay_after_batch(self, busy: float, worked: float = 0.3) -> float:
        """The delay after a batch of 500 runs, all made at the same moment, which is an overload."""
        self.pace.begin()
        self.goes_on(worked, busy)
        return self.pace.delay_after([WHEN] * 500, WHEN)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """An idle one."""
    return Machine(monkeypatch)


def test_what_others_do_during_a_batch_counts_however_long_they_were_idle(machine: Machine) -> None:
    assert machine.delay_after_batch(busy=0) == 0
    machine.goes_on(3600, busy=0)
    assert machine.delay_after_batch(busy=1.2) == pytest.approx(3)


def test_what_others_do_while_a_worker_waits_counts_though_a_batch_leaves_them_less(machine: Machine) -> None:
    machine.delay_after_batch(busy=1.2)
    machine.goes_on(3, busy=1.5)
    assert machine.delay_after_batch(busy=1) == pytest.approx(7.5)
    machine.goes_on(7.5, busy=0.2)
    assert machine.delay_after_batch(busy=0.2) == 0


def test_a_batch_that_is_too_short_to_measure_goes_by_what_was_before(machine: Machine) -> None:
    machine.delay_after_batch(busy=1.2)
    machine.goes_on(1, busy=1.5)
    assert machine.delay_after_batch(busy=0, worked=0.01) == pytest.approx(0.25)


def test_what_the_process_used_before_its_first_batch_is_nobody_elses(machine: Machine) -> None:
    machine.goes_on(2, busy=2)
    assert machine.delay_after_batch(busy=0, worked=0.01) == 0


def test_where_processor_time_is_not_known_there_is_no_delay(machine: Machine) -> None:
    machine.used = None
    machine.delay_after_batch(busy=2)
    machine.goes_on(3, busy=2)
    assert machine.delay_after_batch(busy=2) == 0


@pytest.mark.anyio
async def test_a_burst_after_a_pause_passes_first(machine: Machine) -> None:
    overload = [WHEN] * 500
    machine.delay_after_batch(busy=0)
    machine.goes_on(60, busy=0)
    machine.busy = 1.5
    await machine.pace.delay_overload(overload, WHEN)
    assert machine.slept == [0.2, 10]  # a measurement, then a delay
    machine.goes_on(machine.delay_after_batch(busy=1.5), busy=1.5)
    await machine.pace.delay_overload(overload, WHEN)
    assert machine.slept == [0.2, 10]


@pytest.mark.anyio
async def test_messages_of_runs_that_are_scored_already_wait_once(machine: Machine) -> None:
    machine.busy = 1.5
    for _ in range(5):
        await machine.pace.delay_overload([WHEN] * 500, WHEN)
        machine.pace.begin()
        machine.goes_on(0.3, busy=1.5)  # no batch was scored, so there is no delay after it
    assert machine.slept == [0.2, 10]


@pytest.mark.anyio
async def test_a_burst_on_an_idle_machine_is_scored_at_once(machine: Machine) -> None:
    machine.delay_after_batch(busy=0)
    machine.goes_on(60, busy=0)
    await machine.pace.delay_overload([WHEN] * 500, WHEN)
    assert machine.slept == [0.2, 0]


@pytest.mark.anyio
async def test_what_is_no_overload_and_what_goes_on_is_not_measured_first(machine: Machine) -> None:
    machine.busy = 2
    machine.delay_after_batch(busy=2)
    await machine.pace.delay_overload([WHEN] * 500, WHEN)
    machine.goes_on(60, busy=2)
    await machine.pace.delay_overload([WHEN + timedelta(milliseconds=n) for n in range(500)], WHEN)
    await machine.pace.delay_overload([], WHEN)
    assert machine.slept == []


def test_an_overload_is_seen_from_when_the_runs_were_made(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(*, overload: bool, age: timedelta, **_: float) -> float:
        seen.append((overload, age))
        return 0.0

    monkeypatch.setattr(pacing, "delay_seconds", note)
    made = [WHEN + timedelta(milliseconds=n / 2) for n in range(501)]  # 2,000 a second
    later = WHEN + timedelta(seconds=9)
    for worked, runs, now in ((1.0, made, later), (0.5, made, later), (0.1, [WHEN], WHEN)):
        machine.pace.begin()
        machine.goes_on(worked, busy=0)  # 500 a second are scored, then 1,000
        machine.pace.delay_after(runs, now)
    assert machine.pace.delay_after([], WHEN) == 0
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
