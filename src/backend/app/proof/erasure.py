"""Erasing what agents reported, lawfully: the runs stay, and so do their hashes and proofs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Interval, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError, NotSealedError
from app.kit.sql import stored_bytes
from app.models.fragments import IS_SCORED
from app.proof.calibration import BYTES_AT_ONCE, ERASED_AT_ONCE
from app.proof.sealing import RUN_FIELDS, entry_of_run

RETENTION = "retention"
"""Who erases by rule (`RUNLOG_PAYLOAD_DAYS`), as the record of an erasure has it."""

_ERASED = "its payload was erased"


def _of_runs(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("run_ids", type_=ARRAY(Uuid)))


_RUNS = _of_runs(f"""
    SELECT {RUN_FIELDS} FROM agent_run_log AS run
    WHERE run.id = ANY(:run_ids) ORDER BY run.id FOR NO KEY UPDATE
""")  # noqa: S608
# After the lock: the statement that waited for it does not see what another erasure has noted meanwhile.
_ERASED_BEFORE = _of_runs("SELECT run_id FROM agent_run_erasure WHERE run_id = ANY(:run_ids)")
# With what waits to be sealed of a run its payload, or a comment, would be sealed after it was erased.
_PENDING = _of_runs("""
    SELECT run_id FROM seal_pending, unnest(
        CASE WHEN kind IN ('run', 'merge') THEN run_ids
            WHEN kind = 'event' THEN ARRAY[CAST(content #>> '{row,run_id}' AS uuid)] END
    ) AS run_id
    WHERE run_id = ANY(:run_ids)
""")
_LEAVES = _of_runs("""
    SELECT DISTINCT ON (run_id) run_id, leaf_index, salt FROM seal_leaf
    WHERE run_id = ANY(:run_ids) AND kind = 'run'
    ORDER BY run_id, leaf_index DESC
""")
_NOTE = _of_runs("""
    INSERT INTO agent_run_erasure (run_id, erased_by, reason)
    SELECT run_id, :by, :reason FROM unnest(:run_ids) AS run_id
""")
# Nothing tells without its salt what an earlier leaf of a run committed to.
_FORGET_SALTS = _of_runs("""
    UPDATE seal_leaf AS leaf
    SET salt = NULL, body = CASE leaf.leaf_index WHEN kept.leaf_index THEN kept.entry END
    FROM unnest(:run_ids, :leaf_indexes, :entries) AS kept (run_id, leaf_index, entry)
    WHERE leaf.run_id = kept.run_id AND leaf.kind = 'run'
""").bindparams(bindparam("leaf_indexes", type_=ARRAY(BigInteger)), bindparam("entries", type_=ARRAY(Text)))
# Comments may quote the payload. A rating that stays is sealed again without its comment.
_FORGET_SEALED_COMMENTS = _of_runs("""
    UPDATE seal_leaf SET body = NULL
    WHERE run_id = ANY(:run_ids) AND kind = 'event'
        AND CAST(body AS jsonb) ->> 'table' = 'agent_run_feedback'
""")
_FORGET_COMMENTS = _of_runs("""
    UPDATE agent_run_feedback SET comment = NULL, replaced = replaced || '{"comment": null}'
    WHERE run_id = ANY(:run_ids)
""")
_FORGET_REPORTS = _of_runs("""
    UPDATE agent_run_report SET actions_taken = NULL, payload_digest = NULL
    WHERE run_id = ANY(:run_ids) AND (actions_taken IS NOT NULL OR payload_digest IS NOT NULL)
""")
# Reasons and errors quote what they are about. What has no score gets none any more.
_FORGET_PAYLOADS = _of_runs(f"""
    UPDATE agent_run_log SET actions_taken = NULL, action_summary = NULL,
        rlhf_scores = CASE
            WHEN {IS_SCORED} THEN rlhf_scores || CAST(CASE WHEN rlhf_scores -> 'error' IS NULL
                THEN '{{"reasons": []}}' ELSE '{{"reasons": [], "error": "{_ERASED}"}}' END AS jsonb)
            ELSE '{{"overall": null, "error": "{_ERASED}", "attempts": 0, "erased": true}}' END
    WHERE id = ANY(:run_ids)
""")  # noqa: S608
_FORGET_REASONS = _of_runs(f"""
    UPDATE agent_run_score SET reasons = '[]', error = CASE WHEN error IS NOT NULL THEN '{_ERASED}' END,
        retry_at = NULL
    WHERE run_id = ANY(:run_ids)
""")  # noqa: S608
# The index of texts is made again of the blocks that have the run.
_FORGET_SEARCHED = _of_runs("""
    UPDATE search_block AS block SET stale = true
    FROM (
        SELECT min(created_at) AS oldest, max(created_at) AS newest,
            bool_or(created_at IS NULL) AS has_undated
        FROM agent_run_log WHERE id = ANY(:run_ids)
    ) AS erased
    WHERE NOT block.stale
        AND ((block.newest >= erased.oldest AND block.oldest <= erased.newest) OR erased.has_undated)
        AND block.run_ids && :run_ids
""")
_FORGET = (
    _FORGET_SEALED_COMMENTS,
    _FORGET_COMMENTS,
    _FORGET_REPORTS,
    _FORGET_PAYLOADS,
    _FORGET_REASONS,
    _FORGET_SEARCHED,
)
# Where the last batch ended the next one begins: what was erased is not read again.
_OLD = text(f"""
    WITH last AS (
        SELECT max(created_at) AS created_at FROM agent_run_log WHERE id IN (
            SELECT run_id FROM agent_run_erasure WHERE erased_by = '{RETENTION}' AND erased_at = (
                SELECT max(erased_at) FROM agent_run_erasure WHERE erased_by = '{RETENTION}'
            )
        )
    ), old AS (
        SELECT id, sum({stored_bytes("run")}) OVER (ORDER BY created_at, id) AS bytes,
            row_number() OVER (ORDER BY created_at, id) AS place
        FROM (
            SELECT * FROM agent_run_log
            WHERE created_at < now() - :kept AND actions_taken IS NOT NULL
                AND created_at >= coalesce((SELECT created_at FROM last), '-infinity')
            ORDER BY created_at LIMIT {ERASED_AT_ONCE}
        ) AS run
    )
    SELECT id FROM old WHERE bytes <= {BYTES_AT_ONCE} OR place = 1 ORDER BY place
""").bindparams(bindparam("kept", type_=Interval))  # noqa: S608


async def erase_payload(session: AsyncSession, run_id: UUID, *, by: str, reason: str) -> None:
    """Erase what was reported of a run, and note who did that and why.

    A payload that is erased already stays so. Raises `NotFoundError`, and `NotSealedError` where the run, or
    a rating of it, waits to be sealed.
    """
    if await _erase(session, [run_id], by=by, reason=reason) == 0:
        raise NotFoundError("there is no run with this id")


async def erase_old_payloads(session: AsyncSession, days: int) -> bool:
    """Erase some of the payloads that were recorded more than `days` ago, the oldest first.

    Returns whether more may be. Raises `NotSealedError` where one of them waits to be sealed: none that is
    younger may be erased before it, or the next batch would begin after it.
    """
    run_ids = list(await session.scalars(_OLD, {"kept": timedelta(days=days)}))
    reason = f"retention: payload older than {days} days"
    return bool(run_ids) and await _erase(session, run_ids, by=RETENTION, reason=reason) > 0


async def _erase(session: AsyncSession, run_ids: Sequence[UUID], *, by: str, reason: str) -> int:
    """Erase what was reported of those of the runs that are there; returns how many are.

    1. Lock the runs, and read their entries, which commit to the payloads by salts.
    2. Note the erasures, which allows the rest in this transaction; each is sealed as an entry of its own.
    3. Keep the entry in the place of the salt: the leaf's hash holds, and tells nothing of the payload.
    4. Make the payloads NULL, in the log and in every source's report, and take scorers' reasons and people's
       comments away, which may quote them, and what a search may ask of them.

    Raises `NotSealedError` where one of them waits to be sealed.
    """
    runs = (await session.execute(_RUNS, {"run_ids": run_ids})).mappings().all()
    erased = set(await session.scalars(_ERASED_BEFORE, {"run_ids": run_ids}))
    due = [run for run in runs if run["id"] not in erased]
    if not due:
        return len(runs)
    arguments: dict[str, Any] = {"run_ids": [run["id"] for run in due]}
    # In this order: what is sealed between the two has leaves by the second.
    pending = (await session.execute(_PENDING, arguments)).first()
    leaves = {leaf.run_id: leaf for leaf in await session.execute(_LEAVES, arguments)}
    if pending or len(leaves) < len(due):
        raise NotSealedError("this run is not sealed yet: try again in a minute")
    await session.execute(_NOTE, arguments | {"by": by, "reason": reason})
    kept = {
        "leaf_indexes": [leaves[run["id"]].leaf_index for run in due],
        "entries": [entry_of_run(run, leaves[run["id"]].salt).decode("ascii") for run in due],
    }
    await session.execute(_FORGET_SALTS, arguments | kept)
    for statement in _FORGET:
        await session.execute(statement, arguments)
    return len(runs)
