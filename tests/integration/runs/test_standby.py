"""A 204 with a synchronous standby: what the standby lacks is not acknowledged, however it is asked for."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.db.engine import create_engine
from app.errors import IngestUnavailableError
from app.runs.dispatch import Dispatcher
from app.runs.run import Run
from app.runs.writer import RunWriter
from support.database import until_it_is
from support.standby import IN_STEP, Pair

pytestmark = pytest.mark.anyio

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
CANCEL = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
async def cut_off(pair: Pair) -> AsyncIterator[asyncpg.Connection]:
    """The standby does not run: commits wait. The connection itself does not."""
    pair.standby.stop()
    db = await asyncpg.connect(pair.primary.url, server_settings={"synchronous_commit": "local"})
    yield db
    if pair.standby.poll() is not None:
        pair.standby.start()
    await until_it_is(pair.primary.url, IN_STEP, 1)
    await db.close()


def writer_to(url: str, timeout: float) -> RunWriter:
    """A writer that gives a statement up after `timeout` seconds."""
    engine = create_engine(url, pool_size=2, timeout=timeout, pre_ping=False)
    limits = {"queue_size": 100, "queue_bytes": 1 << 20, "batch_size": 16, "connections": 2}
    return RunWriter(engine, Dispatcher(None), **limits)


def run(key: str | None, text: str = "done") -> Run:
    """A report."""
    return Run("sage", "success", f'{{"did": "{text}"}}', None, False, key)


async def stored(db: asyncpg.Connection, one: Run) -> int:
    """How many rows the primary shows of it."""
    count: int = await db.fetchval("SELECT count(*) FROM agent_run_log WHERE id = $1", one.id)
    return count


async def until_stored(db: asyncpg.Connection, one: Run) -> None:
    """Return when the primary shows it, which it does once the wait for the standby was given up."""
    async with asyncio.timeout(120):
        while not await stored(db, one):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def waits(db: asyncpg.Connection) -> None:
    """Return when a commit waits for the standby."""
    async with asyncio.timeout(120):
        while not await db.fetchval(WAITING):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_repeat_waits_for_the_standby_as_its_first_did(
    pair: Pair, cut_off: asyncpg.Connection
) -> None:
    writer = writer_to(pair.primary.url, 1)
    first = run("repeat")
    with pytest.raises(IngestUnavailableError):
        await writer.write(first)
    await until_stored(cut_off, first)
    for _ in range(2):
        with pytest.raises(IngestUnavailableError):
            await writer.write(run("repeat"))
    patient = writer_to(pair.primary.url, 60)
    repeated = asyncio.create_task(patient.write(run("repeat")))
    among_others = [
        asyncio.create_task(patient.write(run(None))),
        asyncio.create_task(patient.write(run("repeat"))),
    ]
    await waits(cut_off)
    assert not any(task.done() for task in (repeated, *among_others))
    pair.standby.start()
    assert await repeated == first.id
    await asyncio.gather(*among_others)
    await asyncio.gather(writer.close(), patient.close())


@pytest.mark.parametrize("ending", [CANCEL, TERMINATE], ids=["cancelled", "terminated"])
@pytest.mark.parametrize("has_key", [False, True])
async def test_a_commit_whose_wait_was_ended_is_not_acknowledged_before_the_standby_has_it(
    pair: Pair, cut_off: asyncpg.Connection, has_key: bool, ending: str
) -> None:
    """The server ends a cancelled statement with success, and a terminated one with its connection."""
    writer = writer_to(pair.primary.url, 60)
    one = run(ending if has_key else None, "ended")
    sent = asyncio.create_task(writer.write(one))
    await waits(cut_off)
    assert await cut_off.fetchval(ending) == 1
    await until_stored(cut_off, one)  # what waits from then on is the second
    await waits(cut_off)
    assert not sent.done()
    pair.standby.start()
    assert await sent == one.id
    await writer.close()


async def test_a_role_without_privileges_may_wait_too(pair: Pair) -> None:
    db = await asyncpg.connect(pair.primary.url)
    await db.execute("""
        CREATE ROLE app LOGIN PASSWORD 'p';
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app
    """)
    await db.close()
    writer = writer_to(pair.primary.url.replace(f"postgres:{pair.primary.password}@", "app:p@"), 60)
    first = run("of a role")
    assert [await writer.write(first), await writer.write(run("of a role"))] == [first.id] * 2
    await writer.close()
