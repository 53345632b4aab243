"""Sealing what is older than the triggers: runs in the order of their ids, and then all else, once."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base
from app.models.sealing import EVENT_TABLES, ROW
from app.proof.calibration import RUNS_AT_ONCE
from app.proof.domain.entries import Kind, event_entry
from app.proof.sealing import Leaf, append_leaves, lock_sealing, older_leaves, score_leaves

_FIRST_ID = UUID(int=0)

_STATE = text("""
    SELECT session_user AS by, adopted_to, ended_at IS NOT NULL AS ended
    FROM (SELECT) AS always LEFT JOIN seal_adoption ON true
""")
_NEXT = text(f"""
    SELECT id, CAST(rlhf_scores AS text) AS scores FROM agent_run_log
    WHERE id >= :after ORDER BY id OFFSET :passed LIMIT {RUNS_AT_ONCE}
""").bindparams(bindparam("after", type_=Uuid))  # noqa: S608
_ADOPTED = text("""
    INSERT INTO seal_adoption (id, adopted_to) VALUES (1, :id)
    ON CONFLICT (id) DO UPDATE SET adopted_to = excluded.adopted_to
""").bindparams(bindparam("id", type_=Uuid))
_END = text("""
    INSERT INTO seal_adoption (id, ended_at) VALUES (1, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at
""")
_UTC = text("SET LOCAL TimeZone = utc")


def _rows_of(table: str) -> TextClause:
    run_id = "run_id" if "run_id" in Base.metadata.tables[table].columns else "NULL::uuid"
    return text(f"SELECT CAST({ROW.format(table)} AS text) AS content, {run_id} AS run_id FROM {table}")  # noqa: S608


_ROWS = {table: _rows_of(table) for table in EVENT_TABLES}


async def adopt(session: AsyncSession) -> bool:
    """Seal the next of what is older than the triggers; returns whether more may be left.

    Raises `ProofFailedError` where the tree is damaged.
    """
    if (await session.execute(_STATE)).one().ended:
        return False
    now = await lock_sealing(session)
    state = (await session.execute(_STATE)).one()  # another sealer may have gone on
    if now is None or state.ended:
        return False
    after = state.adopted_to
    arguments = {"after": after or _FIRST_ID, "passed": 1 if after else 0}
    runs = (await session.execute(_NEXT, arguments)).all()
    if runs:
        leaves = await older_leaves(session, [run.id for run in runs])
        scores = [(str(run.id), run.scores) for run in runs if run.scores]
        leaves += score_leaves(scores, at=now, by=state.by)
        await append_leaves(session, leaves)
        await session.execute(_ADOPTED, {"id": runs[-1].id})
        return True
    # At once, and not by way of what is pending: what another transaction is changing now is sealed after it.
    await session.execute(_UTC)
    for table in EVENT_TABLES:
        rows = await session.stream(_ROWS[table].execution_options(yield_per=RUNS_AT_ONCE))
        async for part in rows.partitions():
            await append_leaves(session, [_row_leaf(table, row, now, state.by) for row in part])
    entry = event_entry(table="seal_adoption", operation="end", row="{}", at=now, by=state.by)
    await append_leaves(session, [Leaf.of_entry(Kind.EVENT, entry)])
    await session.execute(_END)
    return False


def _row_leaf(table: str, row: Row[Any], now: str, by: str) -> Leaf:
    entry = event_entry(table=table, operation="adopt", row=row.content, at=now, by=by)
    return Leaf.of_entry(Kind.EVENT, entry, row.run_id)
