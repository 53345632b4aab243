"""Verify a part of the leaves against the runs they are of. Parts are verified side by side, by processes."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.db.engine import create_engine
from app.kit.sql import stored_bytes
from app.proof.calibration import BYTES_AT_ONCE
from app.proof.domain.entries import Kind, parse_entry
from app.proof.domain.merkle import HASH_BYTES, TILE_HEIGHT, CompactRange, leaf_hash
from app.proof.problems import Problem
from app.proof.sealing import RUN_FIELDS, entry_of_run

STATEMENT_SECONDS = 6 * 3600.0
"""Seconds that a statement of a verification may take: as long as the largest log needs."""

# Between its statements a snapshot's owner waits for those who share it.
LIMITS = {"idle_in_transaction_session_timeout": "0"}

# Processes read side by side already; for each few thousand leaves workers would be started and ended.
_ALONE = {"max_parallel_workers_per_gather": "0"}

IS_ARCHIVED = """EXISTS (
        SELECT FROM agent_run_archive WHERE run_id >= first_id AND run_id < end_id
    )"""
"""SQL of whether a `run_id` is of a month that is in a file."""

# As many as have payloads of `BYTES_AT_ONCE`, and one at least.
_LEAVES = f"""
WITH part AS (
    SELECT leaf.leaf_index, leaf.kind, leaf.run_id, leaf.leaf_hash, leaf.salt, leaf.body, run.*,
        sum({stored_bytes("run")}) OVER (ORDER BY leaf_index) AS bytes,
        row_number() OVER (ORDER BY leaf_index) AS place
    FROM seal_leaf AS leaf LEFT JOIN agent_run_log AS run ON run.id = leaf.run_id AND leaf.kind = 'run'
    WHERE leaf_index >= $1 AND leaf_index < $2
)
SELECT leaf_index, kind, run_id, leaf_hash, salt, body, {RUN_FIELDS},
    CASE WHEN run.id IS NULL AND kind = '{Kind.RUN}' THEN {IS_ARCHIVED} ELSE false END AS is_archived
FROM part AS run
WHERE bytes <= {BYTES_AT_ONCE} OR place = 1
ORDER BY leaf_index
"""  # noqa: S608
_NODES = f"""
SELECT node_index, hash FROM seal_node WHERE level = {TILE_HEIGHT} AND node_index >= $1 AND node_index < $2
"""  # noqa: S608
_OWN_FIELDS = ("agent_id", "run_at", "status", "created_at")
_NO_HASH = bytes(HASH_BYTES)  # in the place of a leaf that is missing


@dataclass(frozen=True, slots=True)
class Part:
    """Leaves `first` to before `end`; `first` begins a complete subtree. `sizes` of trees that end in it."""

    first: int
    end: int
    sizes: Sequence[int]


@dataclass(slots=True)
class VerifiedPart:
    """The part as complete subtrees, each a level and a hash, at its end and at each size; what is wrong.

    `archived` leaves are of runs that are in files, where they are verified.
    """

    subtrees: list[tuple[int, bytes]] = field(default_factory=list)
    at_size: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    archived: int = 0


@asynccontextmanager
async def sharing_snapshot(url: str, snapshot: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction that sees what the one that exported `snapshot` sees."""
    engine = create_engine(url, pool_size=1, timeout=STATEMENT_SECONDS, limits=LIMITS | _ALONE)
    try:
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            async with driver.transaction(isolation="repeatable_read", readonly=True):
                await driver.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                yield driver
    finally:
        await engine.dispose()


def verify_parts(
    url: str, snapshot: str, parts: Iterable[Part], superseded: frozenset[int]
) -> list[VerifiedPart]:
    """Verify parts, in a process of their own. `superseded`: leaves of runs that have a later one."""

    async def verify() -> list[VerifiedPart]:
        async with sharing_snapshot(url, snapshot) as connection:
            return [await verify_part(connection, part, superseded) for part in parts]

    return asyncio.run(verify())


async def verify_part(connection: asyncpg.Connection, part: Part, superseded: frozenset[int]) -> VerifiedPart:
    """Hash each entry again, and the tree over what the leaves say."""
    found, tree = VerifiedPart(), CompactRange()
    nodes: dict[int, bytes] = {}
    async for row in _leaves(connection, part):
        for missing in range(part.first + tree.size, row["leaf_index"]):
            found.problems.append(Problem("missing", f"leaf {missing} is missing", leaf_index=missing))
            _append(tree, _NO_HASH, part, found, nodes)
        found.archived += row["is_archived"]
        if row["leaf_index"] not in superseded and (problem := problem_of(row)):
            found.problems.append(problem)
        _append(tree, row["leaf_hash"], part, found, nodes)
    for missing in range(part.first + tree.size, part.end):
        found.problems.append(Problem("missing", f"leaf {missing} is missing", leaf_index=missing))
        _append(tree, _NO_HASH, part, found, nodes)
    found.subtrees = tree.edge()
    stored = await connection.fetch(_NODES, part.first >> TILE_HEIGHT, part.end >> TILE_HEIGHT)
    if {row["node_index"]: row["hash"] for row in stored} != nodes:
        found.problems.append(
            Problem(
                "tree", f"a node over the leaves {part.first} to {part.end - 1} is not what they add up to"
            )
        )
    return found


async def _leaves(connection: asyncpg.Connection, part: Part) -> AsyncIterator[asyncpg.Record]:
    first = part.first
    while first < part.end:
        rows = await connection.fetch(_LEAVES, first, part.end)
        for row in rows:
            yield row
        first = rows[-1]["leaf_index"] + 1 if rows else part.end


def _append(
    tree: CompactRange, hash_: bytes, part: Part, found: VerifiedPart, nodes: dict[int, bytes]
) -> None:
    for node in tree.append(hash_):
        if node.level == TILE_HEIGHT:
            nodes[(part.first >> TILE_HEIGHT) + node.position] = node.hash
    size = part.first + tree.size
    if size in part.sizes:
        found.at_size[size] = tree.edge()


def problem_of(row: asyncpg.Record) -> Problem | None:
    """What is wrong with a leaf, or with the run that it is of."""
    index, run_id = row["leaf_index"], row["run_id"]
    if row["kind"] != Kind.RUN or row["salt"] is None:
        return _problem_of_body(row)
    if row["id"] is None:
        return _problem_of_absence(row)
    if leaf_hash(entry_of_run(row, row["salt"])) != row["leaf_hash"]:
        whose = f"run {run_id} of {row['agent_id']}"
        return Problem("altered", f"{whose} was altered after it was sealed", run_id, index)
    return None


def _problem_of_absence(row: asyncpg.Record) -> Problem | None:
    if row["is_archived"]:
        return None
    run_id = row["run_id"]
    return Problem("missing", f"run {run_id} was deleted", run_id, row["leaf_index"])


def _problem_of_body(row: asyncpg.Record) -> Problem | None:
    index, run_id, body = row["leaf_index"], row["run_id"], row["body"]
    if body is None:
        # Of an event about a run that was erased the hash is left; `verify_tables` asks for the erasure.
        return (
            None
            if row["kind"] == Kind.EVENT
            else Problem("altered", f"leaf {index} has no entry", None, index)
        )
    if leaf_hash(body.encode()) != row["leaf_hash"]:
        return Problem("altered", f"the entry of leaf {index} was altered", run_id, index)
    if row["kind"] != Kind.RUN:
        return None
    entry = parse_entry(body.encode())
    if row["id"] is None:
        return _problem_of_absence(row)
    if row["actions_taken"] is not None or row["action_summary"] is not None:
        return Problem("altered", f"run {run_id} has a payload, and it was erased", run_id, index)
    if str(row["id"]) != entry["id"] or any(row[name] != entry[name] for name in _OWN_FIELDS):
        return Problem("altered", f"run {run_id} was altered after it was sealed", run_id, index)
    return None
