"""How long a worker waits between two batches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.runs.run import made_at, new_run_id
from app.tasks import pacing
from app.tasks.pacing import DelayEndedError, Pace, delay_seconds, others_seconds

WHEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of these tests."""
    monkeypatch.setattr(pacing.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(pacing, "others_seconds", others_seconds)


def delay(busy: float) -> float:
    """The delay after a tenth of a second, with so many processors busy."""
    return delay_seconds(busy=busy, worked=0.1)


@pytest.mark.parametrize("busy", [0.0, 0.5, 1.0])
def test_where_a_processor_is_free_there_is_no_delay(busy: float) -> None:
    assert delay(busy) == 0


def test_the_busier_the_machine_the_longer_the_delay_but_never_long() -> None:
    delays = [delay(1 + busy / 10) for busy in range(11)]
    assert delays == sorted(delays)
    assert delays[1] > 0
    assert delays[-1] == pytest.approx(5)
    assert delay(1000) == 10


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
    """What a pace asks: the time, processor time that others have used, how many runs a second come in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        self.used: float | None = 0.0
        monkeypatch.setattr(pacing, "others_seconds", lambda: self.used)
        monkeypatch.setattr(pacing.asyncio, "sleep", self._sleep)
        self.slept: list[float] = []
        self.busy = 0.0
        self.arriving = 10_000.0
        self.waiting = 0  # urgent messages
        self.pace = Pace(lambda: self.now, self._arrivals, self._urgent)

    def goes_on(self, seconds: float, busy: float) -> None:
        """For so long others keep so many processors busy."""
        self.now += seconds
        if self.used is not None:
            self.used += seconds * busy

    def _urgent(self) -> bool:
        return self.waiting > 0

    async def _arrivals(self) -> float:
        return self.arriving

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.goes_on(seconds, self.busy)

    async def delay_after_batch(
        self, busy: float, worked: float = 0.3, age: timedelta | None = timedelta()
    ) -> float:
        """The delay after a batch of 500 runs, the oldest of such an `age`, if that is known."""
        self.pace.begin()
        self.goes_on(worked, busy)
        return await self.pace.delay_after(500, [] if age is None else [WHEN, WHEN - age, WHEN], WHEN)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """An idle one."""
    return Machine(monkeypatch)


@pytest.mark.anyio
async def test_what_others_do_during_a_batch_counts_however_long_they_were_idle(machine: Machine) -> None:
    assert await machine.delay_after_batch(busy=0) == 0
    machine.goes_on(3600, busy=0)
    assert await machine.delay_after_batch(busy=1.2) == pytest.approx(3)


@pytest.mark.anyio
async def test_what_others_do_while_a_worker_waits_counts_though_a_batch_leaves_them_less(
    machine: Machine,
) -> None:
    await machine.delay_after_batch(busy=1.2)
    machine.goes_on(3, busy=1.5)
    assert await machine.delay_after_batch(busy=1) == pytest.approx(7.5)
    machine.goes_on(7.5, busy=0.2)
    assert await machine.delay_after_batch(busy=0.2) == 0


@pytest.mark.anyio
async def test_a_batch_that_is_too_short_to_measure_goes_by_what_was_before(machine: Machine) -> None:
    await machine.delay_after_batch(busy=1.2)
    machine.goes_on(1, busy=1.5)
    assert await machine.delay_after_batch(busy=0, worked=0.01) == pytest.approx(0.25)


@pytest.mark.anyio
async def test_what_the_process_used_before_its_first_batch_is_nobody_elses(machine: Machine) -> None:
    machine.goes_on(2, busy=2)
    assert await machine.delay_after_batch(busy=0, worked=0.01) == 0


@pytest.mark.anyio
async def test_where_processor_time_is_not_known_there_is_no_delay(machine: Machine) -> None:
    machine.used = None
    await machine.delay_after_batch(busy=2)
    machine.goes_on(3, busy=2)
    assert await machine.delay_after_batch(busy=2) == 0


@pytest.mark.anyio
async def test_a_burst_after_a_pause_passes_first(machine: Machine) -> None:
    await machine.delay_after_batch(busy=0)
    machine.goes_on(60, busy=0)
    machine.busy = 1.5
    await machine.pace.delay_before()
    assert machine.slept == [0.2] + [1] * 10  # a measurement, then a delay
    machine.goes_on(await machine.delay_after_batch(busy=1.5), busy=1.5)
    await machine.pace.delay_before()
    assert machine.slept == [0.2] + [1] * 10


@pytest.mark.anyio
async def test_messages_of_runs_that_are_scored_already_wait_once(machine: Machine) -> None:
    machine.busy = 1.5
    for _ in range(5):
        await machine.pace.delay_before()
        machine.pace.begin()
        machine.goes_on(0.3, busy=1.5)  # no batch was scored, so there is no delay after it
    assert machine.slept == [0.2] + [1] * 10


@pytest.mark.anyio
async def test_a_burst_on_an_idle_machine_is_scored_at_once(machine: Machine) -> None:
    await machine.delay_after_batch(busy=0)
    machine.goes_on(60, busy=0)
    await machine.pace.delay_before()
    assert machine.slept == [0.2]


@pytest.mark.anyio
async def test_what_is_no_overload_and_what_goes_on_is_not_measured_first(machine: Machine) -> None:
    machine.busy = 2
    machine.goes_on(await machine.delay_after_batch(busy=2), busy=2)
    await machine.pace.delay_before()
    machine.arriving = 1_000
    machine.goes_on(60, busy=2)
    await machine.pace.delay_before()
    assert machine.slept == []


AGES = [timedelta(), timedelta(seconds=2), timedelta(seconds=3), timedelta(minutes=11), timedelta(days=1)]


@pytest.mark.anyio
async def test_scores_are_kept_back_for_seconds_where_a_worker_can_follow(machine: Machine) -> None:
    machine.arriving = 1_000
    assert [await machine.delay_after_batch(busy=2, age=age) for age in AGES] == [3, 1, 0, 0, 0]
    assert await machine.delay_after_batch(busy=2, age=None) == 0


@pytest.mark.anyio
async def test_a_backlog_of_any_age_gives_way_to_more_runs_than_can_be_scored(machine: Machine) -> None:
    assert [await machine.delay_after_batch(busy=2, age=age) for age in [*AGES, None]] == [10] * 6
    machine.goes_on(10, busy=0.5)
    assert await machine.delay_after_batch(busy=0.5, age=timedelta(days=1)) == 0


@pytest.mark.anyio
async def test_a_worker_that_starts_with_an_old_backlog_in_an_overload_waits_first(machine: Machine) -> None:
    machine.busy = 2
    await machine.pace.delay_before()
    assert machine.slept == [0.2] + [1] * 10
    assert await machine.delay_after_batch(busy=2, age=timedelta(days=1)) == 10


@pytest.mark.anyio
async def test_on_a_busy_machine_a_backlog_is_scored_without_delays_once_the_overload_is_over(
    machine: Machine,
) -> None:
    assert await machine.delay_after_batch(busy=2, age=timedelta(minutes=11)) == 10
    machine.arriving = 0
    assert [await machine.delay_after_batch(busy=2, age=timedelta(minutes=11)) for _ in range(20)] == [0] * 20


@pytest.mark.anyio
async def test_an_overload_is_more_than_a_process_could_score(machine: Machine) -> None:
    delays = []
    for worked in (0.1, 0.2, 0.4, 0.8):  # 5,000 runs a second, 2,500, 1,250, 625
        for machine.arriving in (1_500, 1_501, 3_000, 3_751, 10_000):
            delays.append(await machine.delay_after_batch(busy=2, worked=worked, age=timedelta(days=1)) > 0)
    assert delays == [
        *(False, False, False, False, False),
        *(False, False, False, False, True),
        *(False, False, False, True, True),
        *(False, False, True, True, True),
    ]


@pytest.mark.anyio
async def test_a_backfill_waits_for_seconds_and_longer_in_an_overload(machine: Machine) -> None:
    delays = []
    for machine.arriving in (0, 10_000):
        machine.pace.begin()
        machine.goes_on(0.3, busy=2)
        delays.append(await machine.pace.delay_after_backfill())
    assert delays == [3, 10]


@pytest.mark.anyio
async def test_a_delay_ends_for_what_is_urgent_and_the_rest_is_waited_before_the_next_batch(
    machine: Machine,
) -> None:
    machine.busy = 2
    await machine.delay_after_batch(busy=2)
    machine.goes_on(3, busy=2)
    machine.waiting = 1
    with pytest.raises(DelayEndedError):
        await machine.pace.wait()
    assert machine.slept == []
    machine.waiting = 0
    await machine.pace.delay_before()
    assert sum(machine.slept) == pytest.approx(7)


@pytest.mark.anyio
async def test_urgent_messages_that_nothing_takes_do_not_stop_scoring(machine: Machine) -> None:
    machine.busy, machine.waiting = 2, 100
    for _ in range(2):
        await machine.delay_after_batch(busy=2)
        for _ in range(5):
            with pytest.raises(DelayEndedError):
                await machine.pace.delay_before()
        machine.slept.clear()
        await machine.pace.delay_before()
        assert sum(machine.slept) == pytest.approx(10)


@pytest.mark.anyio
async def test_what_may_wait_gives_way_to_many_runs_on_a_busy_machine(machine: Machine) -> None:
    """And to nothing else; to more runs than a worker could score it gives way no less."""
    gives_way = []
    for busy, machine.arriving in ((2, 1_500), (2, 1_501), (2, 100_000), (0.9, 100_000)):
        machine.pace.begin()
        machine.goes_on(0.3, busy)
        gives_way.append(await machine.pace.must_give_way())
        machine.goes_on(3, busy=0)
    assert gives_way == [False, True, True, False]


def test_ids_tell_when_they_were_made_and_grow() -> None:
    ids = [new_run_id() for _ in range(1000)]
    made = made_at(ids[-1])
    assert len(set(ids)) == 1000
    assert made is not None
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    assert [made_at(run_id) for run_id in ids] == sorted(made_at(run_id) for run_id in ids)  # type: ignore[type-var]
    assert {(run_id.version, run_id.variant) for run_id in ids} == {(7, "specified in RFC 4122")}
    assert made_at(uuid4()) is None
