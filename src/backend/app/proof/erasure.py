"""Erasing what an agent reported, lawfully: the run stays, and so do its hash and its proofs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError, NotSealedError
from app.models import AgentRunErasure
from app.proof.calibration import ERASED_AT_ONCE
from app.proof.sealing import RUN_FIELDS, entry_of_run

_OF_RUN = (bindparam("run_id", type_=Uuid),)
_RUN = text(f"""
    SELECT {RUN_FIELDS}, EXISTS (SELECT FROM agent_run_erasure WHERE run_id = run.id) AS erased
    FROM agent_run_log AS run WHERE run.id = :run_id FOR NO KEY UPDATE
""").bindparams(*_OF_RUN)  # noqa: S608
_PENDING = text("""
    SELECT EXISTS (SELECT FROM seal_pending WHERE kind IN ('run', 'merge') AND :run_id = ANY(run_ids))
""").bindparams(*_OF_RUN)
_LEAF = text("""
    SELECT leaf_index, salt FROM seal_leaf WHERE run_id = :run_id AND kind = 'run'
    ORDER BY leaf_index DESC LIMIT 1
""").bindparams(*_OF_RUN)
# Nothing tells without its salt what an earlier leaf of a run committed to.
_FORGET_SALTS = text("""
    UPDATE seal_leaf SET salt = NULL, body = CASE leaf_index WHEN :leaf_index THEN :entry END
    WHERE run_id = :run_id AND kind = 'run'
""").bindparams(*_OF_RUN, bindparam("entry", type_=Text))
_FORGET_REPORTS = text("""
    UPDATE agent_run_report SET actions_taken = NULL WHERE run_id = :run_id AND actions_taken IS NOT NULL
""").bindparams(*_OF_RUN)
# Reasons quote what they are about.
_FORGET_PAYLOAD = text("""
    UPDATE agent_run_log SET actions_taken = NULL, action_summary = NULL,
        rlhf_scores = CASE jsonb_typeof(rlhf_scores)
            WHEN 'object' THEN rlhf_scores || '{"reasons": []}' ELSE rlhf_scores END
    WHERE id = :run_id
""").bindparams(*_OF_RUN)
_FORGET_REASONS = text("UPDATE agent_run_score SET reasons = '[]' WHERE run_id = :run_id").bindparams(
    *_OF_RUN
)
_OLD = text(f"""
    SELECT id FROM agent_run_log AS run
    WHERE created_at < now() - :kept AND actions_taken IS NOT NULL
        AND EXISTS (SELECT FROM seal_leaf WHERE run_id = run.id AND kind = 'run')
    ORDER BY created_at LIMIT {ERASED_AT_ONCE}
""").bindparams(bindparam("kept", type_=Interval))  # noqa: S608


async def erase_payload(session: AsyncSession, run_id: UUID, *, by: str, reason: str) -> None:
    """Erase what was reported of a run, and note who did that and why.

    1. Lock the run, and read its entry, which commits to the payload by a salt.
    2. Note the erasure, which allows the rest in this transaction and is sealed as an entry of its own.
    3. Keep the entry in the place of the salt: the leaf's hash holds, and tells nothing of the payload.
    4. Make the payload NULL, in the log and in every source's report, and take the scorers' reasons away.

    A payload that is erased already stays so. Raises `NotFoundError`, and `NotSealedError` where the run has
    no leaf yet.
    """
    arguments: dict[str, Any] = {"run_id": run_id}
    run = (await session.execute(_RUN, arguments)).one_or_none()
    if run is None:
        raise NotFoundError("there is no run with this id")
    if run.erased:
        return
    leaf = (await session.execute(_LEAF, arguments)).one_or_none()
    if leaf is None or await session.scalar(_PENDING, arguments):
        raise NotSealedError("this run is not sealed yet: try again in a minute")
    session.add(AgentRunErasure(run_id=run_id, erased_by=by, reason=reason))
    await session.flush()
    entry = entry_of_run(run._mapping, leaf.salt).decode("ascii")
    await session.execute(_FORGET_SALTS, arguments | {"leaf_index": leaf.leaf_index, "entry": entry})
    for statement in (_FORGET_REPORTS, _FORGET_PAYLOAD, _FORGET_REASONS):
        await session.execute(statement, arguments)


async def erase_old_payloads(session: AsyncSession, months: int) -> bool:
    """Erase some of the payloads that are older; returns whether more may be."""
    kept = timedelta(days=months * 30)
    run_ids = list(await session.scalars(_OLD, {"kept": kept}))
    for run_id in run_ids:
        reason = f"older than {months} months"
        await erase_payload(session, run_id, by="retention", reason=reason)
    return len(run_ids) == ERASED_AT_ONCE
