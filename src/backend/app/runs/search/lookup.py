"""Finding the runs whose text contains another, newest first.

The index leads to blocks of runs that may have it; the log decides. Runs that are in no block yet are looked
through as well, so that a run is found as soon as it is committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    SmallInteger,
    Uuid,
    any_,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.cursors import Cursor
from app.kit.sql import moment_at
from app.models import AgentRunLog, SearchBlock
from app.runs.calibration import (
    BLOCKS_FACTOR,
    CANDIDATES,
    FIRST_BLOCKS,
    MOST_BLOCKS,
    MOST_ITEMS,
    PATIENCE_SECONDS,
    UNINDEXED_RUNS,
)
from app.runs.queries import RunFilters, run_conditions, stored_moment
from app.runs.search.items import GRAM, folded, grams_of, items_of

_LAST_ID = UUID(int=2**128 - 1)

# In one statement: a run on its way from what is pending into a leaf is seen in one of them.
_UNINDEXED = text(f"""
    SELECT ARRAY(
        SELECT run_id FROM seal_leaf
        WHERE leaf_index >= progress.indexed_to AND kind = 'run' AND run_id IS NOT NULL
        UNION ALL
        SELECT unnest(run_ids) FROM seal_pending WHERE kind IN ('run', 'merge')
        LIMIT {UNINDEXED_RUNS} + 1
    )
    FROM search_progress AS progress
    WHERE EXISTS (SELECT FROM seal_adoption WHERE ended_at IS NOT NULL)
""")  # noqa: S608
# The planner does not know that what a scan of all blocks would compare is long and stored apart.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: `q` in the texts of the runs after `place` that fulfil `conditions`.

    Blocks are left out by `agent_id`, `since` (inclusive) and `until` (exclusive), which are among the
    conditions.
    """

    q: str
    conditions: Sequence[ColumnElement[bool]]
    place: Cursor | None
    agent_id: str | None
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(
        cls, place: Cursor | None, filters: RunFilters, further: Sequence[ColumnElement[bool]] = ()
    ) -> "Search | None":
        """What is searched for by filters of runs and `further` conditions.

        None where the index does not know what `q` is in, for it has fewer than four characters, and where
        only runs without a date are left.
        """
        q = filters.get("q") or ""
        if len(folded(q)) < GRAM or (place is not None and place.micros is None):
            return None
        conditions = [*run_conditions(**_of_runs(filters)), *further]
        return cls(q, conditions, place, filters.get("agent_id"), filters.get("since"), filters.get("until"))

    def block_conditions(self) -> list[ColumnElement[bool]]:
        """That a block may have a run that is wanted."""
        grams = sorted(grams_of(self.q))[:MOST_ITEMS]
        items = items_of(grams, () if self.agent_id is None else (self.agent_id,))
        block = SearchBlock
        conditions = [
            or_(block.items.op("@>")(literal(items, ARRAY(SmallInteger))), block.items.is_(None)),
            block.newest.is_not(None),
        ]
        if self.place is not None and self.place.micros is not None:
            conditions.append(block.oldest <= moment_at(self.place.micros))
        if self.since is not None:
            conditions.append(block.newest >= self.since)
        if self.until is not None:
            conditions.append(block.oldest < self.until)
        return conditions

    def run_conditions(self) -> list[ColumnElement[bool]]:
        """That a run with a date is wanted."""
        run = AgentRunLog
        conditions = [run.created_at.is_not(None), *self.conditions]
        if self.place is not None and self.place.micros is not None:
            place = tuple_(moment_at(self.place.micros), self.place.id)
            conditions.append(tuple_(run.created_at, run.id) < place)
        return conditions


def _of_runs(filters: RunFilters) -> Any:
    """Those of the filters that all lists of runs have; a page has more."""
    return {name: value for name, value in filters.items() if name in RunFilters.__annotations__}


class Found(NamedTuple):
    """Places of runs, newest first; and, where the search was ended early, how far it has come."""

    places: list[Cursor]
    reached: Cursor | None = None


class _Block(NamedTuple):
    """A block by its id; `newest` is in microseconds since 2000 UTC."""

    newest: int
    id: UUID


async def search(
    session: AsyncSession, wanted: Search, limit: int, patience: float = PATIENCE_SECONDS
) -> Found | None:
    """The first `limit` runs with a date that are wanted; None while much of the log is in no block.

    1. Look through the runs that are in no block.
    2. Go through the blocks that may have such runs, newest first, more and more at a time.
    3. End once the page is full and no block that is left can have a run before its last one; or after
       `patience` seconds, with those runs that none can come before.
    """
    unindexed = (await session.execute(_UNINDEXED)).scalar_one_or_none()
    if unindexed is None or len(unindexed) > UNINDEXED_RUNS:
        return None
    await session.execute(_BY_INDEX)
    found = await _wanted_runs(session, wanted, literal(list(unindexed), ARRAY(Uuid)))
    blocks = await _candidates(session, wanted)
    is_last = len(blocks) < CANDIDATES
    count, end = FIRST_BLOCKS, monotonic() + patience
    while True:
        page = sorted(found, reverse=True)[:limit]
        if not blocks:
            return Found(page)
        reached = Cursor(blocks[0].newest, _LAST_ID)
        if len(page) == limit and page[-1] > reached:
            return Found(page)
        if monotonic() >= end and (wanted.place is None or reached < wanted.place):
            return Found([place for place in page if place > reached], reached)
        taken, blocks = blocks[:count], blocks[count:]
        count = min(BLOCKS_FACTOR * count, MOST_BLOCKS)
        ids = select(func.unnest(SearchBlock.run_ids)).where(
            SearchBlock.id.in_([block.id for block in taken])
        )
        found |= await _wanted_runs(session, wanted, func.array(ids.scalar_subquery()))
        if not blocks and not is_last:
            blocks = await _candidates(session, wanted, after=taken[-1])
            is_last = len(blocks) < CANDIDATES


async def _candidates(session: AsyncSession, wanted: Search, after: _Block | None = None) -> list[_Block]:
    block = SearchBlock
    moment = func.timestamptz_send(block.newest, type_=LargeBinary)
    statement = select(block.id, moment).where(*wanted.block_conditions())
    if after is not None:
        statement = statement.where(
            tuple_(block.newest, block.id) < tuple_(moment_at(after.newest), after.id)
        )
    newest_first = (block.newest.desc(), block.id.desc())
    rows = await session.execute(statement.order_by(*newest_first).limit(CANDIDATES))
    return [_Block(int.from_bytes(sent, signed=True), block_id) for block_id, sent in rows]


async def _wanted_runs(session: AsyncSession, wanted: Search, ids: ColumnElement[Any]) -> set[Cursor]:
    run = AgentRunLog
    statement = select(run.id, stored_moment()).where(run.id == any_(ids), *wanted.run_conditions())
    return {Cursor.after(run_id, sent) for run_id, sent in await session.execute(statement)}
