"""Runs with their proofs, for an auditor: by one checkpoint, and in memory that does not grow."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import stored_bytes
from app.proof.calibration import BYTES_AT_ONCE, LEAVES_AT_ONCE
from app.proof.checkpoints import StoredCheckpoint
from app.proof.domain.entries import Kind
from app.proof.inclusion import IS_CHANGED, prove_runs
from app.proof.sealing import RUN_FIELDS

# Of a run that was merged the newest leaf, which says what is left of it.
_PAGE = text(f"""
    WITH page AS (
        SELECT leaf.leaf_index, leaf.salt, leaf.body, run.*,
            sum({stored_bytes("run")}) OVER (ORDER BY leaf_index) AS bytes,
            row_number() OVER (ORDER BY leaf_index) AS place
        FROM seal_leaf AS leaf JOIN agent_run_log AS run ON run.id = leaf.run_id
        WHERE leaf_index >= :first AND leaf_index < least(:first + {LEAVES_AT_ONCE}, :size)
            AND leaf.kind = '{Kind.RUN}'
            AND (
                SELECT true FROM seal_leaf AS later
                WHERE later.run_id = leaf.run_id AND later.kind = '{Kind.RUN}'
                    AND later.leaf_index > leaf.leaf_index AND later.leaf_index < :size
                LIMIT 1
            ) IS NULL
            AND (:agent_id IS NULL OR run.agent_id = :agent_id)
            AND (:since IS NULL OR run.created_at >= :since)
            AND (:until IS NULL OR run.created_at < :until)
    )
    SELECT leaf_index, salt, body, (SELECT count(*) FROM page) AS found,
        {IS_CHANGED} AS is_changed, {RUN_FIELDS}
    FROM page AS run
    WHERE bytes <= {BYTES_AT_ONCE} OR place = 1
    ORDER BY leaf_index
""").bindparams(  # noqa: S608
    bindparam("first", type_=BigInteger),
    bindparam("size", type_=BigInteger),
    bindparam("agent_id", type_=Text),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)


class ProofFilters(NamedTuple):
    """Which runs: of an agent, recorded from `since` on and before `until`; None is any."""

    agent_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class ProofPage(NamedTuple):
    """The documents of some runs, and the leaf of the next page; None after the last one.

    The checkpoint does not prove those that were merged or erased after it.
    """

    documents: list[str]
    unproved: int
    next_leaf: int | None


async def proof_page(
    session: AsyncSession, checkpoint: StoredCheckpoint, filters: ProofFilters, first: int
) -> ProofPage:
    """The proofs by `checkpoint` of the runs whose leaves come from `first` on, in the order of the log.

    Raises `ProofFailedError` where the tree is damaged.
    """
    size = checkpoint.tree_size
    rows = (await session.execute(_PAGE, {"first": first, "size": size} | filters._asdict())).all()
    proofs = await prove_runs(session, rows, checkpoint)
    whole = not rows or len(rows) == rows[0].found
    following = first + LEAVES_AT_ONCE if whole else rows[-1].leaf_index + 1
    documents = [proof.to_json() for proof in proofs if proof]
    return ProofPage(documents, len(rows) - len(documents), following if following < size else None)
