"""Which leaves say what a run was before it was merged: only its newest one says what it is now."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.proof.domain.entries import Kind
from app.proof.problems import Problem

_REPORTS = "(SELECT count(*) FROM agent_run_report AS report WHERE report.run_id = leaf.run_id) AS reports"
_BEING_MERGED = "leaf.run_id IN (SELECT unnest(run_ids) FROM seal_pending WHERE kind = 'merge')"
_OF_ALL = text(f"""
    SELECT leaf.run_id, true AS sealed_again, {_REPORTS},
        (array_agg(leaf.leaf_index ORDER BY leaf.leaf_index DESC))[2:] AS leaves
    FROM seal_leaf AS leaf WHERE leaf.kind = '{Kind.RUN}'
    GROUP BY leaf.run_id HAVING count(*) > 1
    UNION ALL
    SELECT leaf.run_id, false, {_REPORTS}, ARRAY[leaf.leaf_index]
    FROM seal_leaf AS leaf WHERE leaf.kind = '{Kind.RUN}' AND {_BEING_MERGED}
""")  # noqa: S608
_OF_PART = text(f"""
    SELECT leaf.run_id, later.is_there AS sealed_again, {_REPORTS}, ARRAY[leaf.leaf_index] AS leaves
    FROM seal_leaf AS leaf CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM seal_leaf AS later
            WHERE later.run_id = leaf.run_id AND later.kind = '{Kind.RUN}'
                AND later.leaf_index > leaf.leaf_index
        ) AS is_there
    ) AS later
    WHERE leaf.leaf_index >= :first AND leaf.leaf_index < :end AND leaf.kind = '{Kind.RUN}'
        AND (later.is_there OR {_BEING_MERGED})
""")  # noqa: S608


async def superseded_leaves(connection: AsyncConnection) -> tuple[frozenset[int], list[Problem]]:
    """The leaves of runs that were merged since, and which runs have a later leaf without a merge."""
    return _judge(await connection.execute(_OF_ALL))


async def superseded_between(
    session: AsyncSession, first: int, end: int
) -> tuple[frozenset[int], list[Problem]]:
    """As `superseded_leaves`, of the leaves from `first` and before `end`."""
    return _judge(await session.execute(_OF_PART, {"first": first, "end": end}))


def _judge(rows: Iterable[Any]) -> tuple[frozenset[int], list[Problem]]:
    """A merge is of two reports or more: it is what a later leaf, or one that is to come, may be of."""
    leaves: set[int] = set()
    altered = set()
    for row in rows:
        if row.reports > 1 or row.sealed_again:
            leaves.update(row.leaves)
        if row.reports < 2 and row.sealed_again:
            altered.add(row.run_id)
    return frozenset(leaves), [
        Problem("altered", f"run {run_id} was sealed again without a merge", run_id)
        for run_id in sorted(altered)
    ]
