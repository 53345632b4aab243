"""The tree as the database holds it: leaves, and the nodes of each eighth level."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, BigInteger, LargeBinary, SmallInteger, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.errors import ProofFailedError
from app.proof.domain.merkle import (
    CompactRange,
    Node,
    StoredRows,
    Subtree,
    root_plan,
    stored_rows,
    subtree_hash,
)

SIZE = "SELECT coalesce(max(leaf_index) + 1, 0) FROM seal_leaf"
"""SQL of how many leaves the tree has."""

_SIZE = text(SIZE)


def _rows(table: str, index: str, hash_: str, condition: str = "") -> TextClause:
    ranges = "unnest(:firsts, :ends) AS wanted (first, after)"
    return text(f"""
        SELECT first, after, array_agg({hash_} ORDER BY {index}) AS hashes
        FROM {ranges} JOIN {table} ON {index} >= first AND {index} < after {condition}
        GROUP BY first, after
        HAVING count(*) = after - first
    """).bindparams(  # noqa: S608
        bindparam("firsts", type_=ARRAY(BigInteger)), bindparam("ends", type_=ARRAY(BigInteger))
    )


_LEAVES = _rows("seal_leaf", "leaf_index", "leaf_hash")
_NODES = _rows("seal_node", "node_index", "hash", "AND level = :level")
_ADD_NODES = text("""
    INSERT INTO seal_node (level, node_index, hash) SELECT * FROM unnest(:levels, :indexes, :hashes)
""").bindparams(
    bindparam("levels", type_=ARRAY(SmallInteger)),
    bindparam("indexes", type_=ARRAY(BigInteger)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
)


async def driver_of(session: AsyncSession) -> asyncpg.Connection:
    """The driver of the session's connection, in its transaction; many rows pass it the fastest."""
    connection = await session.connection()
    return (await connection.get_raw_connection()).driver_connection


async def tree_size(session: AsyncSession | AsyncConnection) -> int:
    """How many leaves the tree has."""
    size: int = (await session.execute(_SIZE)).scalar_one()
    return size


async def subtree_hashes(session: AsyncSession, subtrees: Iterable[Subtree]) -> dict[Subtree, bytes]:
    """The hashes of complete subtrees, each made of 128 stored ones at most.

    Raises `ProofFailedError` where some of these are missing.
    """
    wanted = {subtree: stored_rows(subtree) for subtree in subtrees}
    found: dict[StoredRows, Sequence[bytes]] = {}
    for level in {rows.level for rows in wanted.values()}:
        ranges = sorted({(rows.first, rows.end) for rows in wanted.values() if rows.level == level})
        arguments: dict[str, Any] = {
            "firsts": [first for first, _ in ranges],
            "ends": [end for _, end in ranges],
        }
        statement, of_level = (_NODES, {"level": level}) if level else (_LEAVES, {})
        for row in await session.execute(statement, arguments | of_level):
            found[StoredRows(level, row.first, row.after)] = row.hashes
    missing = sorted(set(wanted.values()) - found.keys())
    if missing:
        raise ProofFailedError(
            f"the tree lacks hashes of level {missing[0].level} from {missing[0].first} on"
        )
    return {subtree: subtree_hash(found[rows]) for subtree, rows in wanted.items()}


async def load_tree(session: AsyncSession) -> CompactRange:
    """The tree as it is, to append to. Raises `ProofFailedError` where some are missing."""
    size = await tree_size(session)
    hashes = await subtree_hashes(session, root_plan(size))
    return CompactRange.of(size, hashes.__getitem__)


async def add_nodes(session: AsyncSession, nodes: Sequence[Node]) -> None:
    """Keep nodes that are complete now."""
    if nodes:
        await session.execute(
            _ADD_NODES,
            {
                "levels": [node.level for node in nodes],
                "indexes": [node.position for node in nodes],
                "hashes": [node.hash for node in nodes],
            },
        )
