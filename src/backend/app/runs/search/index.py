"""Making the index: the runs of the sealed log, in the order of its leaves, in blocks.

Each committed run has a leaf, however late it was committed, and another one when its text has changed. So
following the leaves misses nothing.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Row, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import stored_bytes
from app.runs.calibration import BLOCK_GRAMS, BLOCK_RUNS, INDEXED_AT_ONCE, MERGE_KB, PENDING_KB, TEXT_BYTES
from app.runs.search.items import grams_of, items_of

_LOCK = 0x73726368  # "srch"

_BEGIN = text("INSERT INTO search_progress (id) VALUES (1) ON CONFLICT DO NOTHING")
_TAKE = text(f"""
    SELECT indexed_to, set_config('gin_pending_list_limit', '{PENDING_KB}kB', true),
        set_config('work_mem', '{MERGE_KB}kB', true)
    FROM search_progress WHERE pg_try_advisory_xact_lock({_LOCK})
""")  # noqa: S608
_LEAVES = text(f"""
    SELECT leaf_index, run_id FROM seal_leaf
    WHERE leaf_index >= :first AND kind = 'run' AND run_id IS NOT NULL
    ORDER BY leaf_index LIMIT {INDEXED_AT_ONCE}
""")  # noqa: S608
_ORDERED = text(f"""
    SELECT id, {stored_bytes("run")} AS size FROM agent_run_log AS run WHERE id = ANY(:ids)
    ORDER BY created_at, id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))  # noqa: S608
_TEXTS = text("""
    SELECT id, agent_id, action_summary, CAST(actions_taken AS text) AS actions
    FROM agent_run_log WHERE id = ANY(:ids) ORDER BY created_at, id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
# As text: the driver takes ten times as long over a list.
_ITEMS = bindparam("items", type_=Text)
_ADD = text("""
    INSERT INTO search_block (run_ids, oldest, newest, items)
    SELECT :run_ids, min(created_at), max(created_at), CAST(:items AS smallint[])
    FROM agent_run_log WHERE id = ANY(:run_ids)
""").bindparams(bindparam("run_ids", type_=ARRAY(Uuid)), _ITEMS)
_INDEXED = text("UPDATE search_progress SET indexed_to = :indexed_to").bindparams(
    bindparam("indexed_to", type_=BigInteger)
)
_UNINDEXED = text("""
    SELECT coalesce((SELECT max(leaf_index) + 1 FROM seal_leaf), 0)
        - coalesce((SELECT indexed_to FROM search_progress), 0)
""")
_STALE = text(f"""
    SELECT id, run_ids FROM search_block WHERE stale ORDER BY id LIMIT {INDEXED_AT_ONCE // BLOCK_RUNS}
""")  # noqa: S608
_RENEW = text(
    "UPDATE search_block SET items = CAST(:items AS smallint[]), stale = false WHERE id = :id"
).bindparams(_ITEMS, bindparam("id", type_=Uuid))


class _Run(NamedTuple):
    """A run, and the pieces of its texts."""

    id: UUID
    agent_id: str
    grams: set[str]


@dataclass(slots=True)
class _Block:
    """Runs, with the pieces and the agents that they have."""

    run_ids: list[UUID] = field(default_factory=list)
    grams: set[str] = field(default_factory=set)
    agent_ids: set[str] = field(default_factory=set)

    def takes(self, run: _Run) -> bool:
        """Whether a further run may join."""
        grams = len(self.grams) + len(run.grams - self.grams)
        return not self.run_ids or (len(self.run_ids) < BLOCK_RUNS and grams <= BLOCK_GRAMS)

    def add(self, run: _Run) -> None:
        """Have a run join."""
        self.run_ids.append(run.id)
        self.agent_ids.add(run.agent_id)
        self.grams |= run.grams

    @property
    def items(self) -> str | None:
        """What a search may ask of its runs, as an array's text; None where a single run has too much."""
        if len(self.grams) > BLOCK_GRAMS:
            return None
        return f"{{{','.join(map(str, items_of(self.grams, self.agent_ids)))}}}"


async def unindexed_leaves(session: AsyncSession) -> int:
    """How many leaves follow those whose runs are indexed: hundreds, while the worker indexes."""
    return await session.scalar(_UNINDEXED) or 0


async def index_more(session: AsyncSession) -> bool:
    """Index the next runs of the log; returns whether more may be left.

    1. Take the lock, or leave all to the one that has it.
    2. Renew what is kept of blocks of which a run has lost its text.
    3. Read the leaves that follow those that are indexed. Fewer than a block's are left until they are more:
       a search looks through them.
    4. Put their runs in the order of time, and make blocks of them.
    """
    await session.execute(_BEGIN)
    indexed_to = await session.scalar(_TAKE)
    if indexed_to is None:
        return False
    stale = (await session.execute(_STALE)).all()
    for each in stale:
        block = _Block()
        async for run in _runs(session, each.run_ids):
            block.add(run)
        await session.execute(_RENEW, {"id": each.id, "items": block.items})
    leaves = (await session.execute(_LEAVES, {"first": indexed_to})).all()
    leaves = leaves[: len(leaves) // BLOCK_RUNS * BLOCK_RUNS]
    if not leaves:
        return bool(stale)
    await _add_blocks(session, list({leaf.run_id for leaf in leaves}))
    await session.execute(_INDEXED, {"indexed_to": leaves[-1].leaf_index + 1})
    return True


async def _add_blocks(session: AsyncSession, run_ids: Sequence[UUID]) -> None:
    block = _Block()
    async for run in _runs(session, run_ids):
        if not block.takes(run):
            await _add(session, block)
            block = _Block()
        block.add(run)
    if block.run_ids:
        await _add(session, block)


async def _add(session: AsyncSession, block: "_Block") -> None:
    await session.execute(_ADD, {"run_ids": block.run_ids, "items": block.items})


async def _runs(session: AsyncSession, run_ids: Sequence[UUID]) -> AsyncIterator[_Run]:
    """The runs in the order of time."""
    for ids in _parts((await session.execute(_ORDERED, {"ids": run_ids})).all()):
        for row in await session.execute(_TEXTS, {"ids": ids}):
            yield _Run(row.id, row.agent_id, grams_of(row.action_summary, row.actions))


def _parts(runs: Iterable[Row[Any]]) -> Iterator[Sequence[UUID]]:
    """Their ids, as many at a time as fit into memory."""
    part: list[UUID] = []
    room = TEXT_BYTES
    for run in runs:
        room -= run.size
        if part and room < 0:
            yield part
            part, room = [], TEXT_BYTES
        part.append(run.id)
    if part:
        yield part
