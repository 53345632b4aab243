"""One instance an event loop, closed with it."""

import asyncio
import gc
import threading

import pytest

from app.kit.loop_local import LoopLocal


class Pool:
    """Something that must be closed in its own loop."""

    def __init__(self) -> None:
        self.closed_in: object = None

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed_in = asyncio.get_running_loop()


async def get_twice(local: LoopLocal[Pool]) -> tuple[Pool, object]:
    """What a program's loop gets, both times."""
    first = local.get()
    await asyncio.sleep(0)
    assert local.get() is first
    assert first.closed_in is None
    return first, asyncio.get_running_loop()


def test_each_loop_gets_one_of_its_own_and_closes_it_at_its_end() -> None:
    local = LoopLocal(Pool, Pool.close)
    (one, loop), (other, other_loop) = asyncio.run(get_twice(local)), asyncio.run(get_twice(local))
    assert one is not other
    assert (one.closed_in, other.closed_in) == (loop, other_loop)


def test_it_is_closed_when_the_program_fails() -> None:
    local = LoopLocal(Pool, Pool.close)
    made: list[Pool] = []

    async def fail() -> None:
        made.append(local.get())
        raise LookupError("the program's own")

    with pytest.raises(LookupError, match="the program's own"):
        asyncio.run(fail())
    assert made[0].closed_in is not None


def test_closing_makes_room_for_a_new_one_and_may_be_repeated() -> None:
    local = LoopLocal(Pool, Pool.close)

    async def program() -> None:
        await local.close()
        first = local.get()
        await local.close()
        await local.close()
        assert first.closed_in is asyncio.get_running_loop()
        assert local.get() is not first

    asyncio.run(program())


def test_threads_do_not_share() -> None:
    local = LoopLocal(Pool, Pool.close)
    found: list[tuple[Pool, object]] = []
    threads = [
        threading.Thread(target=lambda: found.append(asyncio.run(get_twice(local)))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(pool) for pool, _ in found}) == 20
    assert all(pool.closed_in is loop for pool, loop in found)


def test_ended_loops_are_forgotten() -> None:
    local = LoopLocal(Pool, Pool.close)
    for _ in range(5):
        asyncio.run(get_twice(local))
    gc.collect()
    assert len(local._keepers) == 0
