"""Proofs that runs are in the log, and that the log only grows."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.proof.checkpoints import StoredCheckpoint, checkpoint_of_size, newest_checkpoint
from app.proof.domain.entries import Kind, payload_bytes
from app.proof.domain.merkle import build, consistency_plan, inclusion_plan
from app.proof.domain.note import Note
from app.proof.domain.proofs import ConsistencyProof, Payload, RunProof, SealedEntry
from app.proof.sealing import RUN_FIELDS, entry_of_run
from app.proof.tree_store import subtree_hashes

# The newest of its leaves that the checkpoint covers; one that is being merged has a newer one.
_RUN_LEAF = text(f"""
    SELECT leaf.leaf_index, leaf.salt, leaf.body, {RUN_FIELDS}
    FROM agent_run_log AS run LEFT JOIN seal_leaf AS leaf
        ON leaf.run_id = run.id AND leaf.kind = '{Kind.RUN}' AND leaf.leaf_index < :size
    WHERE run.id = :run_id
    ORDER BY leaf.leaf_index DESC NULLS LAST
    LIMIT 1
""").bindparams(bindparam("run_id", type_=Uuid))  # noqa: S608
_ERASURE_LEAF = text(f"""
    SELECT leaf_index, body FROM seal_leaf
    WHERE run_id = :run_id AND kind = '{Kind.ERASURE}' AND leaf_index < :size
""").bindparams(bindparam("run_id", type_=Uuid))  # noqa: S608
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
    content: Payload | SealedEntry
    if run.salt is not None:
        entry = entry_of_run(run._mapping, run.salt)
        content = Payload(payload_bytes(run.action_summary, run.actions_taken), run.salt)
    else:
        entry = run.body.encode()
        content = await _erasure(session, run_id, checkpoint)
    sealed = SealedEntry(entry, run.leaf_index, await _path(session, run.leaf_index, size))
    return RunProof(sealed, content, Note.parse(checkpoint.note))


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


async def _erasure(session: AsyncSession, run_id: UUID, checkpoint: StoredCheckpoint) -> SealedEntry:
    size = checkpoint.tree_size
    leaf: Row[Any] | None = (
        await session.execute(_ERASURE_LEAF, {"run_id": run_id, "size": size})
    ).one_or_none()
    if leaf is None:
        raise NotFoundError("the erasure of this run's payload is not under a signed checkpoint yet")
    return SealedEntry(leaf.body.encode(), leaf.leaf_index, await _path(session, leaf.leaf_index, size))


async def _path(session: AsyncSession, leaf_index: int, size: int) -> tuple[bytes, ...]:
    plan = inclusion_plan(leaf_index, size)
    hashes = await subtree_hashes(session, {subtree for subtrees in plan for subtree in subtrees})
    return tuple(build(plan, hashes.__getitem__))
