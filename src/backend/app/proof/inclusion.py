"""Proofs that runs are in the log, and that the log only grows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.proof.checkpoints import StoredCheckpoint, checkpoint_of_size, newest_checkpoint
from app.proof.domain.entries import Kind, payload_bytes
from app.proof.domain.merkle import build, consistency_plan, inclusion_plan
from app.proof.domain.note import Note
from app.proof.domain.proofs import ConsistencyProof, Payload, RunProof, SealedEntry
from app.proof.sealing import RUN_FIELDS, entry_of_run
from app.proof.tree_store import subtree_hashes

IS_CHANGED = f"""(
    run.id IN (SELECT unnest(run_ids) FROM seal_pending WHERE kind = 'merge') OR (
        SELECT true FROM seal_leaf AS later
        WHERE later.run_id = run.id AND later.kind = '{Kind.RUN}' AND later.leaf_index >= :size LIMIT 1
    )
) IS TRUE"""  # noqa: S608
"""SQL of whether a row `run` of the log was merged after the tree had `size` leaves."""

# By the newest of its leaves that the checkpoint covers.
_RUN_LEAF = text(f"""
    SELECT leaf.leaf_index, leaf.salt, leaf.body, {IS_CHANGED} AS is_changed, {RUN_FIELDS}
    FROM agent_run_log AS run LEFT JOIN seal_leaf AS leaf
        ON leaf.run_id = run.id AND leaf.kind = '{Kind.RUN}' AND leaf.leaf_index < :size
    WHERE run.id = :run_id
    ORDER BY leaf.leaf_index DESC NULLS LAST
    LIMIT 1
""").bindparams(bindparam("run_id", type_=Uuid))  # noqa: S608
_ERASURE_LEAVES = text(f"""
    SELECT run_id, leaf_index, body FROM seal_leaf
    WHERE run_id = ANY(:run_ids) AND kind = '{Kind.ERASURE}' AND leaf_index < :size
""").bindparams(bindparam("run_ids", type_=ARRAY(Uuid)))  # noqa: S608
_NOT_YET = "this run is not under a signed checkpoint yet: it is within some minutes, while a worker runs"


async def prove_run(session: AsyncSession, run_id: UUID) -> RunProof:
    """What proves a run by the newest checkpoint.

    Raises `NotFoundError` where there is no such run, or no checkpoint covers it yet, and `ProofFailedError`
    where the tree is damaged.
    """
    checkpoint = await newest_checkpoint(session)
    size = checkpoint.tree_size if checkpoint else 0
    run = (await session.execute(_RUN_LEAF, {"run_id": run_id, "size": size})).one_or_none()
    if run is None:
        raise NotFoundError("there is no run with this id")
    if checkpoint is None or run.leaf_index is None:
        raise NotFoundError(_NOT_YET)
    [proof] = await prove_runs(session, [run], checkpoint)
    if proof is None:
        raise NotFoundError(_NOT_YET)
    return proof


async def prove_runs(
    session: AsyncSession, runs: Sequence[Row[Any]], checkpoint: StoredCheckpoint
) -> list[RunProof | None]:
    """What proves each of these runs by the checkpoint: rows of `RUN_FIELDS`, `IS_CHANGED` and `seal_leaf`.

    None for one that was merged or erased after the checkpoint. Raises `ProofFailedError` where the tree is
    damaged.
    """
    size, note = checkpoint.tree_size, Note.parse(checkpoint.note)
    erased = [run.id for run in runs if run.salt is None]
    leaves = await session.execute(_ERASURE_LEAVES, {"run_ids": erased, "size": size}) if erased else ()
    erasures = {leaf.run_id: leaf for leaf in leaves}
    indexes = [leaf.leaf_index for leaf in (*runs, *erasures.values())]
    plans = {index: inclusion_plan(index, size) for index in indexes}
    wanted = {subtree for plan in plans.values() for subtrees in plan for subtree in subtrees}
    hashes = await subtree_hashes(session, wanted)

    def sealed(content: bytes, leaf_index: int) -> SealedEntry:
        return SealedEntry(content, leaf_index, tuple(build(plans[leaf_index], hashes.__getitem__)))

    def proof(run: Row[Any]) -> RunProof | None:
        if run.is_changed:
            return None
        if run.salt is not None:
            payload = Payload(payload_bytes(run.action_summary, run.actions_taken), run.salt)
            return RunProof(sealed(entry_of_run(run._mapping, run.salt), run.leaf_index), payload, note)
        if (erasure := erasures.get(run.id)) is None:
            return None
        erased = sealed(erasure.body.encode(), erasure.leaf_index)
        return RunProof(sealed(run.body.encode(), run.leaf_index), erased, note)

    return [proof(run) for run in runs]


async def prove_consistency(session: AsyncSession, from_size: int, to_size: int) -> ConsistencyProof:
    """What proves that the tree of `from_size` leaves is the beginning of that of `to_size`.

    Raises `NotFoundError` where there is no checkpoint of one of these sizes.
    """
    for size in (from_size, to_size):
        if await checkpoint_of_size(session, size) is None:
            raise NotFoundError(f"there is no checkpoint of {size} leaves")
    plan = consistency_plan(from_size, to_size)
    hashes = await subtree_hashes(session, {subtree for subtrees in plan for subtree in subtrees})
    return ConsistencyProof(from_size, to_size, tuple(build(plan, hashes.__getitem__)))
