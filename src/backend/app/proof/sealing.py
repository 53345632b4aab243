"""Sealing: what was committed gets leaves in the tree, and the tree a signed checkpoint.

One sealer works on a database at a time. A step of it is one transaction:

1. Take the advisory lock, or leave it to the sealer that has it.
2. Read the first rows of `seal_pending`. What other transactions commit later is pending then, and gets
   later leaves: no late commit can slip under a leaf.
3. Make the entries of what they name, append their hashes to the tree, and keep leaves and nodes.
4. Delete those rows. So each is sealed once, whatever ends the sealer.

What is older than the triggers has leaves by its adoption (`app.proof.adoption`).
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, LargeBinary, Row, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AgentRunErasure, AgentRunLog
from app.proof.calibration import CLOCK_SECONDS, PENDING_AT_ONCE, ROWS_AT_HAND, RUNS_AT_ONCE, SCORES_AN_ENTRY
from app.proof.domain.entries import (
    SALT_BYTES,
    Kind,
    commitment,
    erasure_entry,
    event_entry,
    payload_bytes,
    run_entry,
    scores_entry,
)
from app.proof.domain.merkle import leaf_hash
from app.proof.moments import moment_text
from app.proof.tree_store import add_nodes, load_tree

SEAL_LOCK = 0x7365616C  # "seal"

_LOCK = text(f"""
    SELECT pg_try_advisory_xact_lock({SEAL_LOCK}) AS locked, {moment_text("clock_timestamp()")} AS now
""")
_PENDING = text(f"""
    SELECT id, kind, run_ids, noted_by, began_at, {moment_text("noted_at")} AS noted_at,
        content ->> 'table' AS changed_table, content ->> 'operation' AS operation,
        CAST(content -> 'row' AS text) AS changed_row, CAST(content #>> '{{row,run_id}}' AS uuid) AS run_id
    FROM seal_pending
    ORDER BY id
    LIMIT {PENDING_AT_ONCE}
""")  # noqa: S608
_DONE = text("DELETE FROM seal_pending WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger))
)
RUN_FIELDS = f"""run.id, run.agent_id, {moment_text("run.run_at")} AS run_at, run.status,
    {moment_text("run.created_at")} AS created_at, run.action_summary,
    CAST(run.actions_taken AS text) AS actions_taken"""
"""SQL of what an entry is made of, of a row `run` of the log."""
_RUNS = text(f"""
    SELECT {RUN_FIELDS} FROM agent_run_log AS run
    WHERE id = ANY(:ids)
    ORDER BY run.created_at, run.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))  # noqa: S608
_BACKDATED = text(f"""
    SELECT run.id, {moment_text("run.created_at")} AS created_at
    FROM unnest(:ids, :moments) AS noted (id, began_at) JOIN agent_run_log AS run USING (id)
    WHERE run.created_at < began_at - make_interval(secs => {CLOCK_SECONDS})
    ORDER BY run.id
""").bindparams(  # noqa: S608
    bindparam("ids", type_=ARRAY(Uuid)), bindparam("moments", type_=ARRAY(DateTime(timezone=True)))
)
_SEALED = text("""
    SELECT run_id FROM seal_leaf WHERE run_id = ANY(:ids) AND kind = 'run'
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
_SCORES = text("""
    SELECT id, CAST(rlhf_scores AS text) AS scores FROM agent_run_log WHERE id = ANY(:ids) ORDER BY id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))
_ADD_LEAVES = text("""
    INSERT INTO seal_leaf (leaf_index, kind, run_id, leaf_hash, salt, body)
    SELECT :first + place - 1, kind, run_id, leaf_hash, salt, body
    FROM unnest(:kinds, :run_ids, :hashes, :salts, :bodies)
        WITH ORDINALITY AS leaf (kind, run_id, leaf_hash, salt, body, place)
""").bindparams(
    bindparam("first", type_=BigInteger),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("run_ids", type_=ARRAY(Uuid)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
    bindparam("salts", type_=ARRAY(LargeBinary)),
    bindparam("bodies", type_=ARRAY(Text)),
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf to append; `salt` and `body` as `SealLeaf` has them."""

    kind: Kind
    hash: bytes
    run_id: UUID | None = None
    salt: bytes | None = None
    body: str | None = None

    @classmethod
    def of_entry(cls, kind: Kind, entry: bytes, run_id: UUID | None = None) -> "Leaf":
        """The leaf of an entry that is kept beside it."""
        return cls(kind, leaf_hash(entry), run_id, body=entry.decode("ascii"))


@dataclass(slots=True)
class _Pending:
    """Rows of `seal_pending`, by what they ask for."""

    rows: list[int] = field(default_factory=list)
    recorded: dict[UUID, datetime] = field(default_factory=dict)  # when the transaction began
    merged: list[UUID] = field(default_factory=list)
    scored: dict[str, list[UUID]] = field(default_factory=dict)  # by who wrote the scores
    events: list[Row[Any]] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Sequence[Row[Any]]) -> "_Pending":
        """Those that come first, up to `RUNS_AT_ONCE` runs, and one row at least."""
        pending, runs = cls(), 0
        for row in rows:
            runs += len(row.run_ids or ())
            if pending.rows and runs > RUNS_AT_ONCE:
                break
            pending.rows.append(row.id)
            if row.kind == "event":
                pending.events.append(row)
            elif row.kind == "scores":
                pending.scored.setdefault(row.noted_by, []).extend(row.run_ids)
            elif row.kind == "merge":
                pending.merged.extend(row.run_ids)
            else:
                pending.recorded.update(dict.fromkeys(row.run_ids, row.began_at))
        return pending


async def lock_sealing(session: AsyncSession) -> str | None:
    """Become the one sealer until the transaction ends; returns the moment as entries have it.

    None where another one is at work.
    """
    lock = (await session.execute(_LOCK)).one()
    return lock.now if lock.locked else None


async def seal_pending(session: AsyncSession) -> bool:
    """Seal the oldest of what is pending, in this transaction; returns whether more may be.

    Raises `ProofFailedError` where the tree is damaged.
    """
    now = await lock_sealing(session)
    rows = (await session.execute(_PENDING)).all() if now else []
    if now is None or not rows:
        return False
    pending = _Pending.of(rows)
    leaves = await _run_leaves(session, pending, now)
    leaves += [_event_leaf(row) for row in pending.events]
    for by, run_ids in pending.scored.items():
        leaves += await score_leaves(session, run_ids, at=now, by=by)
    await append_leaves(session, leaves)
    await session.execute(_DONE, {"ids": pending.rows})
    return len(rows) == PENDING_AT_ONCE or len(pending.rows) < len(rows)


async def append_leaves(session: AsyncSession, leaves: Sequence[Leaf]) -> None:
    """Append leaves to the tree, for a caller that has the sealer's lock. Raises `ProofFailedError`."""
    if not leaves:
        return
    tree = await load_tree(session)
    await session.execute(
        _ADD_LEAVES,
        {
            "first": tree.size,
            "kinds": [leaf.kind.value for leaf in leaves],
            "run_ids": [leaf.run_id for leaf in leaves],
            "hashes": [leaf.hash for leaf in leaves],
            "salts": [leaf.salt for leaf in leaves],
            "bodies": [leaf.body for leaf in leaves],
        },
    )
    await add_nodes(session, tree.extend([leaf.hash for leaf in leaves]))


async def sealed_runs(session: AsyncSession, run_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the runs that have a leaf."""
    return set(await session.scalars(_SEALED, {"ids": run_ids}))


async def run_leaves(session: AsyncSession, run_ids: Iterable[UUID]) -> list[Leaf]:
    """The leaves of those of the runs that are in the log, the oldest first."""
    rows = await session.stream(_RUNS.execution_options(yield_per=ROWS_AT_HAND), {"ids": list(run_ids)})
    leaves = []
    async for row in rows:
        salt = os.urandom(SALT_BYTES)
        leaves.append(Leaf(Kind.RUN, leaf_hash(entry_of_run(row._mapping, salt)), row.id, salt))
    return leaves


def entry_of_run(run: Any, salt: bytes) -> bytes:
    """The entry of a run: a mapping of `RUN_FIELDS`; and the salt of its payload's commitment."""
    return run_entry(
        id_=str(run["id"]),
        agent_id=run["agent_id"],
        run_at=run["run_at"],
        status=run["status"],
        created_at=run["created_at"],
        payload=commitment(salt, payload_bytes(run["action_summary"], run["actions_taken"])),
    )


async def _run_leaves(session: AsyncSession, pending: _Pending, now: str) -> list[Leaf]:
    """The leaves of runs that were recorded or merged.

    And of what is suspect about them: that they are gone already, or dated before they can have come.
    """
    recorded = pending.recorded.keys() - await sealed_runs(session, list(pending.recorded))
    leaves = await run_leaves(session, recorded.union(pending.merged))
    gone = recorded - {leaf.run_id for leaf in leaves}
    leaves += [_suspect_leaf("vanish", run_id, None, now) for run_id in sorted(gone)]
    moments = {run_id: pending.recorded[run_id] for run_id in recorded}
    backdated = await session.execute(_BACKDATED, {"ids": list(moments), "moments": list(moments.values())})
    return leaves + [_suspect_leaf("backdate", run.id, run.created_at, now) for run in backdated]


def _suspect_leaf(operation: str, run_id: UUID, created_at: str | None, now: str) -> Leaf:
    """The leaf that says of a run what no program of ours does."""
    row = json.dumps({"id": str(run_id), "created_at": created_at})
    return Leaf.of_entry(
        Kind.EVENT,
        event_entry(table=AgentRunLog.__tablename__, operation=operation, row=row, at=now, by=""),
        run_id,
    )


def _event_leaf(row: Row[Any]) -> Leaf:
    if row.changed_table == AgentRunErasure.__tablename__ and row.operation == "insert":
        erasure = json.loads(row.changed_row)
        entry = erasure_entry(
            run_id=erasure["run_id"], at=row.noted_at, by=erasure["erased_by"], reason=erasure["reason"]
        )
        return Leaf.of_entry(Kind.ERASURE, entry, row.run_id)
    entry = event_entry(
        table=row.changed_table,
        operation=row.operation,
        row=row.changed_row,
        at=row.noted_at,
        by=row.noted_by,
    )
    return Leaf.of_entry(Kind.EVENT, entry, row.run_id)


async def score_leaves(session: AsyncSession, run_ids: Iterable[UUID], *, at: str, by: str) -> list[Leaf]:
    """The leaves of what runs show as scores."""
    rows = (await session.execute(_SCORES, {"ids": list(set(run_ids))})).all()
    scores = [(str(row.id), row.scores) for row in rows]
    return [
        Leaf.of_entry(Kind.SCORES, scores_entry(scores[start : start + SCORES_AN_ENTRY], at=at, by=by))
        for start in range(0, len(scores), SCORES_AN_ENTRY)
    ]
