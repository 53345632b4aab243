"""Sealing what is older than the triggers: runs in the order of their ids, and then all else, once."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base
from app.models.sealing import EVENT_TABLES, ROW
from app.proof.calibration import RUNS_AT_ONCE
from app.proof.domain.entries import Kind, event_entry
from app.proof.sealing import Leaf, append_leaves, lock_sealing, run_leaves, score_leaves, sealed_runs

_FIRST_ID = UUID(int=0)

_BEGIN = text("INSERT INTO seal_adoption (id) VALUES (1) ON CONFLICT DO NOTHING")
_STATE = text("SELECT adopted_to, ended_at IS NOT NULL AS ended, session_user AS by FROM seal_adoption")
_NEXT = text(f"""
    SELECT id, rlhf_scores IS NOT NULL AS scored FROM agent_run_log
    WHERE id >= :after ORDER BY id OFFSET :passed LIMIT {RUNS_AT_ONCE}
""").bindparams(bindparam("after", type_=Uuid))  # noqa: S608
_ADOPTED = text("UPDATE seal_adoption SET adopted_to = :id").bindparams(bindparam("id", type_=Uuid))
_END = text("UPDATE seal_adoption SET ended_at = clock_timestamp()")
_UTC = text("SET LOCAL TimeZone = utc")


def _rows_of(table: str) -> TextClause:
    run_id = "run_id" if "run_id" in Base.metadata.tables[table].columns else "NULL::uuid"
    return text(f"SELECT CAST({ROW.format(table)} AS text) AS content, {run_id} AS run_id FROM {table}")  # noqa: S608


_ROWS = {table: _rows_of(table) for table in EVENT_TABLES}


async def adopt(session: AsyncSession) -> bool:
    """Seal the next of what is older than the triggers; returns whether more may be left.

    Raises `ProofFailedError` where the tree is damaged.
    """
    await session.execute(_BEGIN)
    state = (await session.execute(_STATE)).one()
    if state.ended:
        return False
    now = await lock_sealing(session)
    if now is None:
        return False
    after = state.adopted_to
    arguments = {"after": after or _FIRST_ID, "passed": 1 if after else 0}
    runs = (await session.execute(_NEXT, arguments)).all()
    if runs:
        ids = {run.id for run in runs} - await sealed_runs(session, [run.id for run in runs])
        leaves = await run_leaves(session, ids)
        scored = [run.id for run in runs if run.scored]
        leaves += await score_leaves(session, scored, at=now, by=state.by)
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
