"""Sealing: each committed row gets a leaf, once, and the tree its checkpoints."""

import asyncio
import random

import asyncpg
import pytest

from app.config import get_settings
from app.proof.calibration import PENDING_AT_ONCE
from app.proof.domain.checkpoint import Checkpoint, open_checkpoint
from app.proof.domain.merkle import root_of
from app.proof.domain.note import Note
from app.proof.keys import read_signing_keys
from app.proof.verify import verify
from app.services.agent_run_log_service import write_run_log
from app.tasks import seal_tasks
from app.tasks.seal_tasks import seal

pytestmark = pytest.mark.anyio


async def _seal() -> None:
    await seal(get_settings(), at_once=True)


async def test_each_run_has_one_leaf(db: asyncpg.Connection) -> None:
    ids = [await write_run_log("sage", {"n": n}) for n in range(5)]
    await _seal()
    await _seal()
    rows = await db.fetch("SELECT run_id FROM seal_leaf WHERE kind = 'run' ORDER BY leaf_index")
    assert [row["run_id"] for row in rows] == ids
    assert await db.fetchval("SELECT count(*) FROM seal_pending") == 0


async def test_the_checkpoint_is_of_the_tree_and_signed(db: asyncpg.Connection) -> None:
    await asyncio.gather(*(write_run_log("sage", {"n": n}) for n in range(300)))
    await _seal()
    hashes = [
        row["leaf_hash"] for row in await db.fetch("SELECT leaf_hash FROM seal_leaf ORDER BY leaf_index")
    ]
    note = Note.parse(await db.fetchval("SELECT note FROM seal_checkpoint ORDER BY tree_size DESC LIMIT 1"))
    keys = read_signing_keys(get_settings().signing_keys_path)
    checkpoint = open_checkpoint(note, [key.verifier for key in keys]).checkpoint
    assert checkpoint == Checkpoint(keys[0].name, len(hashes), root_of(hashes))


async def test_payloads_that_are_read_in_several_parts_are_sealed(
    database: str, db: asyncpg.Connection
) -> None:
    large = "".join(map(str, range(80_000)))  # as large as it may be, unpacked, by its size in the database
    for n in range(3):
        await write_run_log("sage", {"n": n, "text": large})
        await write_run_log("sage", {"n": n})
    await _seal()
    assert await db.fetchval("SELECT count(DISTINCT run_id) FROM seal_leaf WHERE kind = 'run'") == 6
    verified = await verify(database, processes=1, since=[], progress=lambda *_: None)
    assert verified.problems == []


async def test_a_pass_gives_way_after_a_transaction_and_the_next_ones_go_on(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_way() -> bool:
        return True

    monkeypatch.setattr(seal_tasks._pace, "must_give_way", give_way)
    async with db.transaction():
        for _ in range(PENDING_AT_ONCE + 1):
            await db.execute("INSERT INTO agent_run_log (agent_id, status) VALUES ('sage', 'success')")
    sealed = []
    for _ in range(2):
        await seal(get_settings())
        sealed.append(await db.fetchval("SELECT count(*) FROM seal_leaf WHERE kind = 'run'"))
    assert sealed == [PENDING_AT_ONCE, PENDING_AT_ONCE + 1]


async def test_what_is_older_than_the_triggers_is_adopted(db: asyncpg.Connection) -> None:
    await db.execute("ALTER TABLE agent_run_log DISABLE TRIGGER USER")
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'old' FROM generate_series(1, 2500)")
    await db.execute("ALTER TABLE agent_run_log ENABLE TRIGGER USER")
    new = await write_run_log("sage", {"n": 1})
    await _seal()
    assert await db.fetchval("SELECT count(*) FROM seal_leaf WHERE kind = 'run'") == 2501
    assert await db.fetchval("SELECT count(*) FROM seal_leaf WHERE run_id = $1", new) == 1


async def test_a_run_that_is_dated_before_it_came_is_noted(db: asyncpg.Connection) -> None:
    dated = "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('sage', now() - interval '1 day')"
    await db.execute(dated)
    await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    await _seal()
    rows = await db.fetch("SELECT body FROM seal_leaf WHERE kind = 'event' AND body LIKE '%backdate%'")
    assert len(rows) == 1


async def test_what_commits_late_and_out_of_order_is_sealed_once(
    database: str, db: asyncpg.Connection
) -> None:
    """Two writers hold transactions open for moments of their own, while a sealer works without a pause."""
    writing = True

    async def write(name: str) -> int:
        connection, written = await asyncpg.connect(database), 0
        chance = random.Random(name)  # for a test
        try:
            for _ in range(40):
                async with connection.transaction():
                    for _ in range(chance.randint(1, 3)):
                        await connection.execute("INSERT INTO agent_run_log (agent_id) VALUES ($1)", name)
                        written += 1
                        await asyncio.sleep(chance.random() / 100)
        finally:
            await connection.close()
        return written

    async def keep_sealing() -> None:
        while writing:
            await _seal()

    sealer = asyncio.create_task(keep_sealing())
    written = sum(await asyncio.gather(write("sage"), write("nova")))
    writing = False
    await sealer
    await _seal()
    leaves = await db.fetch("SELECT run_id FROM seal_leaf WHERE kind = 'run'")
    runs = await db.fetch("SELECT id FROM agent_run_log")
    assert len(leaves) == len(runs) == written
    assert {leaf["run_id"] for leaf in leaves} == {run["id"] for run in runs}
    verified = await verify(database, processes=1, since=[], progress=lambda *_: None)
    assert verified.problems == []
