"""Verify the log in pieces of bounded work, each by itself, from what the database keeps of the tree.

A part of the leaves is hashed again and compared with the nodes above it, these with the nodes above them,
and the newest root with the newest checkpoint. So each part is verified whatever was verified before it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.engine import create_engine
from app.errors import ProofFailedError
from app.models import FUNCTIONS
from app.models.sealing import SEALING_TABLES
from app.proof.calibration import CHUNK_LEVEL, COMPARISON_SECONDS
from app.proof.checkpoints import KeyChange, key_changes
from app.proof.domain.merkle import TILE_HEIGHT, CompactRange, root_plan, subtree_hash
from app.proof.problems import Problem
from app.proof.superseded import superseded_between
from app.proof.tree_store import subtree_hashes, tree_size
from app.proof.verify_checkpoints import Checkpoints
from app.proof.verify_leaves import LIMITS, Part, verify_part
from app.schema.catalog import read_catalog
from app.schema.plan import missing_guards

_CHECKPOINTS = text("""
    SELECT tree_size, note FROM seal_checkpoint WHERE tree_size > :first AND tree_size <= :end
""")
_NEWEST = text("SELECT tree_size, note FROM seal_checkpoint ORDER BY tree_size DESC LIMIT 1")
# The first one after a key began says whether an older key vouches for it.
_OF_KEYS = text("""
    SELECT tree_size, note FROM unnest(:began) AS key (leaf_index) CROSS JOIN LATERAL (
        SELECT tree_size, note FROM seal_checkpoint WHERE tree_size > key.leaf_index
        ORDER BY tree_size LIMIT 1
    ) AS first_one
""").bindparams(bindparam("began", type_=ARRAY(BigInteger)))
_NODES = text("""
    SELECT hash FROM seal_node WHERE level = :level AND node_index >= :first AND node_index < :end
    ORDER BY node_index
""")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the database to read: the size of its tree, and what was sealed of the log's keys."""

    session: AsyncSession
    size: int
    keys: Sequence[KeyChange]


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """A transaction that reads one state of the database and writes nothing."""
    engine = create_engine(url, pool_size=1, timeout=COMPARISON_SECONDS, limits=LIMITS)
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        async with AsyncSession(reading) as session:
            yield Snapshot(session, await tree_size(session), await key_changes(session))
    finally:
        await engine.dispose()


async def verify_guards(log: Snapshot) -> list[Problem]:
    """Which triggers that guard the log, or note what is to be sealed, are off, missing or other ones."""
    functions = [function.name for function in FUNCTIONS]
    catalog = await read_catalog(await log.session.connection(), SEALING_TABLES, functions)
    return [Problem("guard", drift) for drift in missing_guards(catalog)]


async def verify_newest_checkpoint(log: Snapshot, kept: str | None) -> tuple[list[Problem], str | None]:
    """Whether a key of the log has signed the newest checkpoint, and the tree is what it says.

    `kept` is an earlier one, which the tree must continue. Returns what is wrong, and the one to keep.
    """
    newest = (await log.session.execute(_NEWEST)).one_or_none()
    notes = {newest.tree_size: newest.note} if newest else {}
    checkpoints = await _checkpoints(log, notes, [kept] if kept else [])
    try:
        for size in checkpoints.sizes():
            checkpoints.compare(size, (await _tree(log, size)).root())
    except ProofFailedError as error:
        return [Problem("tree", str(error))], kept
    problems = checkpoints.problems()
    return problems, newest.note if newest and not problems else kept


async def verify_part_before(log: Snapshot, end: int) -> tuple[list[Problem], int]:
    """Verify a part of the leaves that ends before leaf `end`; returns what is wrong, and where it begins.

    1. Hash each entry again, from the run as it is now, and the nodes over these.
    2. Compare the root with each checkpoint of a tree that ends in the part, and check who signed these.
    3. Compare the upper nodes that end with the part with those below them.
    """
    first = (end - 1) >> CHUNK_LEVEL << CHUNK_LEVEL
    place = {"first": first, "end": end}
    notes = {row.tree_size: row.note for row in await log.session.execute(_CHECKPOINTS, place)}
    checkpoints = await _checkpoints(log, notes, [])
    superseded, problems = await superseded_between(log.session, first, end)
    driver: Any = (await (await log.session.connection()).get_raw_connection()).driver_connection
    sizes = [size for size in checkpoints.sizes() if first < size <= end]
    found = await verify_part(driver, Part(first, end, sizes), superseded)
    try:
        before = await _tree(log, first)
        for size, subtrees in found.at_size.items():
            checkpoints.compare(size, before.root_with(subtrees))
    except ProofFailedError as error:
        problems.append(Problem("tree", str(error)))
    problems += await verify_upper_nodes(log, end)
    return problems + found.problems + checkpoints.problems(), first


async def verify_upper_nodes(log: Snapshot, end: int) -> list[Problem]:
    """Which nodes above those of a part, over the leaves up to `end`, are not what those below add up to."""
    problems = []
    level = 2 * TILE_HEIGHT
    while end and end % (1 << level) == 0:
        position = (end >> level) - 1
        stored = await _nodes(log, level, position, position + 1)
        first = position << TILE_HEIGHT
        below = await _nodes(log, level - TILE_HEIGHT, first, first + (1 << TILE_HEIGHT))
        if len(below) != 1 << TILE_HEIGHT or stored != [subtree_hash(below)]:
            problems.append(Problem("tree", f"a node of level {level} was altered"))
        level += TILE_HEIGHT
    return problems


async def _tree(log: Snapshot, size: int) -> CompactRange:
    return CompactRange.of(size, (await subtree_hashes(log.session, root_plan(size))).__getitem__)


async def _checkpoints(log: Snapshot, notes: dict[int, str], kept: Sequence[str]) -> Checkpoints:
    """`notes` by their size, with those by which later keys are trusted."""
    began = [change.leaf_index for change in log.keys if change.begins]
    for row in await log.session.execute(_OF_KEYS, {"began": began}):
        notes[row.tree_size] = row.note
    return Checkpoints(log.keys, [notes[size] for size in sorted(notes)], kept, log.size)


async def _nodes(log: Snapshot, level: int, first: int, end: int) -> list[bytes]:
    rows = await log.session.scalars(_NODES, {"level": level, "first": first, "end": end})
    return list(rows)
