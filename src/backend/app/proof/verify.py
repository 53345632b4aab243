"""Verify the log: that nothing was changed, removed or slipped in since it was sealed.

1. Take one snapshot of the database, which all processes share.
2. Hash the entry of every leaf again, from the run as it is now, in parts, by several processes.
3. Put the parts together to the tree, and compare its root at the size of every checkpoint; check who signed.
4. Meanwhile compare scores and other tables with what was sealed of them, and look for runs without a leaf.

Those who can write to everything can also make another tree and sign it with the keys. That is found by
comparing with a checkpoint that was kept elsewhere.
"""

import asyncio
import os
import signal
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import create_engine
from app.embedded.process import die_with_parent
from app.proof.calibration import CHUNK_LEVEL, PARTS_AT_ONCE
from app.proof.checkpoints import key_changes
from app.proof.domain.merkle import TILE_HEIGHT, CompactRange
from app.proof.problems import Problem
from app.proof.superseded import superseded_leaves
from app.proof.tree_store import tree_size
from app.proof.verify_checkpoints import Checkpoints
from app.proof.verify_leaves import LIMITS, STATEMENT_SECONDS, Part, VerifiedPart, verify_parts
from app.proof.verify_tables import verify_tables

_SNAPSHOT = text("SELECT pg_export_snapshot()")
_CHECKPOINTS = text("SELECT tree_size, note FROM seal_checkpoint ORDER BY tree_size")
_NODES = text(f"SELECT level, node_index, hash FROM seal_node WHERE level > {TILE_HEIGHT}")  # noqa: S608

Progress = Callable[[int, int], None]
"""Is called with how many leaves are verified, and of how many."""


@dataclass(slots=True)
class Verified:
    """What a log holds and what is wrong with it; `archived` leaves are of runs that are in files."""

    leaves: int = 0
    checkpoints: int = 0
    archived: int = 0
    problems: list[Problem] = field(default_factory=list)


async def verify(url: str, *, processes: int, since: Sequence[str], progress: Progress) -> Verified:
    """Verify the whole log at `url`; `since` are checkpoints, as notes, that were kept elsewhere.

    Raises `DatabaseError` where the database is away.
    """
    engine = create_engine(url, pool_size=1, timeout=STATEMENT_SECONDS, limits=LIMITS)
    try:
        async with engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ).connect() as connection:
            return await _verify(url, connection, processes, since, progress)
    finally:
        await engine.dispose()


async def _verify(
    url: str, connection: AsyncConnection, processes: int, since: Sequence[str], progress: Progress
) -> Verified:
    size = await tree_size(connection)
    checkpoints = await _read_checkpoints(connection, since, size)
    verified = Verified(size, checkpoints.stored)
    superseded, verified.problems = await superseded_leaves(connection)
    snapshot = (await connection.execute(_SNAPSHOT)).scalar_one()
    nodes = {(row.level, row.node_index): row.hash for row in await connection.execute(_NODES)}
    parts = _parts(size, checkpoints.sizes())
    verify = partial(verify_parts, url, snapshot, superseded=superseded)
    # The database compares tables while the processes, which have connections of their own, hash leaves.
    tables = asyncio.create_task(_problems_of_tables(connection))
    try:
        await _verify_leaves(verified, _side_by_side(verify, parts, processes), nodes, checkpoints, progress)
        verified.problems += checkpoints.problems() + await tables
    finally:
        tables.cancel()
        await asyncio.wait([tables])
    return verified


async def _problems_of_tables(connection: AsyncConnection) -> list[Problem]:
    return [problem async for problem in verify_tables(connection)]


async def _verify_leaves(
    verified: Verified,
    verified_parts: AsyncIterator[tuple[Part, VerifiedPart]],
    nodes: Mapping[tuple[int, int], bytes],
    checkpoints: Checkpoints,
    progress: Progress,
) -> None:
    """Put the parts together, and compare the tree with its stored nodes and at each checkpoint."""
    tree = CompactRange()
    async for part, found in verified_parts:
        verified.problems += found.problems
        verified.archived += found.archived
        for at, subtrees in found.at_size.items():
            checkpoints.compare(at, tree.root_with(subtrees))
        for subtree in found.subtrees:
            for node in tree.append_subtree(*subtree):
                if node.level > TILE_HEIGHT and nodes.get(node[:2]) != node.hash:
                    verified.problems.append(Problem("tree", f"a node of level {node.level} was altered"))
        progress(part.end, verified.leaves)


async def _read_checkpoints(connection: AsyncConnection, since: Sequence[str], size: int) -> Checkpoints:
    changes = await key_changes(connection)
    stored = [row.note for row in await connection.execute(_CHECKPOINTS)]
    return Checkpoints(changes, stored, since, size)


def _parts(size: int, sizes: Sequence[int]) -> list[Part]:
    step = 1 << CHUNK_LEVEL
    parts = []
    for first in range(0, size, step):
        end = min(first + step, size)
        parts.append(Part(first, end, sizes[bisect_right(sizes, first) : bisect_right(sizes, end)]))
    return parts


async def _side_by_side(
    verify: Callable[[Sequence[Part]], list[VerifiedPart]], parts: Sequence[Part], processes: int
) -> AsyncIterator[tuple[Part, VerifiedPart]]:
    """Each part and what was found of it, in order; a process has some parts at a time."""
    loop = asyncio.get_running_loop()
    shares = [parts[start : start + PARTS_AT_ONCE] for start in range(0, len(parts), PARTS_AT_ONCE)]
    if len(shares) <= 1:  # a process takes longer to start
        for each in zip(parts, await asyncio.to_thread(verify, parts), strict=True):
            yield each
        return
    # They only read, and would go on after the command was killed.
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=die_with_parent,
        initargs=(signal.SIGKILL, os.getpid()),
    ) as pool:
        under_way: deque[tuple[Sequence[Part], asyncio.Future[list[VerifiedPart]]]] = deque()
        for share in shares:
            under_way.append((share, loop.run_in_executor(pool, verify, share)))
            if len(under_way) > 2 * processes:  # else results would be piling up
                for each in await _next(under_way):
                    yield each
        while under_way:
            for each in await _next(under_way):
                yield each


async def _next(
    under_way: deque[tuple[Sequence[Part], "asyncio.Future[list[VerifiedPart]]"]],
) -> list[tuple[Part, VerifiedPart]]:
    share, found = under_way.popleft()
    return list(zip(share, await found, strict=True))
