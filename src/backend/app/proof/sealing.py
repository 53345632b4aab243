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
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, BigInteger, Row, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import stored_bytes
from app.models import AgentRunErasure, AgentRunLog
from app.proof.calibration import (
    BYTES_AT_ONCE,
    CLOCK_SECONDS,
    PENDING_AT_ONCE,
    RUNS_AT_ONCE,
    SCORES_AN_ENTRY,
)
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
from app.proof.tree_store import add_nodes, driver_of, load_tree

SEAL_LOCK = 0x7365616C  # "seal"

# A plan that was made while a table was small would read it from end to end for each run once it is large.
_LOCK = text(f"""
    SELECT pg_try_advisory_xact_lock({SEAL_LOCK}) AS locked, {moment_text("clock_timestamp()")} AS now,
        set_config('enable_seqscan', 'off', true)
""")
# A row has fewer runs than one transaction seals.
_PENDING = text(f"""
    WITH oldest AS (SELECT * FROM seal_pending ORDER BY id LIMIT {PENDING_AT_ONCE}),
    counted AS (
        SELECT *, count(*) OVER () AS waiting,
            sum(coalesce(cardinality(run_ids), 0)) OVER (ORDER BY id) AS runs
        FROM oldest
    )
    SELECT id, kind, noted_by, {moment_text("noted_at")} AS noted_at, waiting,
        content ->> 'table' AS changed_table, content ->> 'operation' AS operation,
        CAST(content -> 'row' AS text) AS changed_row, CAST(content #>> '{{row,run_id}}' AS uuid) AS run_id
    FROM counted
    WHERE runs <= {RUNS_AT_ONCE}
    ORDER BY id
""")  # noqa: S608
_DONE = text("DELETE FROM seal_pending WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger))
)
RUN_FIELDS = f"""run.id, run.agent_id, {moment_text("run.run_at")} AS run_at, run.status,
    {moment_text("run.created_at")} AS created_at, run.action_summary,
    CAST(run.actions_taken AS text) AS actions_taken"""
"""SQL of what an entry is made of, of a row `run` of the log."""


def _unsealed(noted: str) -> str:
    """SQL of the runs that need a leaf, of `noted`: their `id`, whether each `is_merged`, and `began_at`.

    They are in shares of `BYTES_AT_ONCE`, and payloads come with the first. Each run is looked up by its
    index, because a subquery of one row is joined no other way.
    """
    return f"""
        WITH noted AS ({noted}), sized AS (
            SELECT run.*, noted.id AS noted_id, began_at, CAST(
                sum({stored_bytes("run")}) OVER (ROWS UNBOUNDED PRECEDING) AS bigint
            ) / {BYTES_AT_ONCE} AS share
            FROM noted
                LEFT JOIN LATERAL (SELECT * FROM agent_run_log WHERE id = noted.id LIMIT 1) AS run ON true
            WHERE is_merged OR (
                SELECT true FROM seal_leaf WHERE run_id = noted.id AND kind = '{Kind.RUN}' LIMIT 1
            ) IS NULL
        ), run AS (
            SELECT id, agent_id, run_at, status, created_at, noted_id, began_at, share,
                CASE share WHEN 0 THEN action_summary END AS action_summary,
                CASE share WHEN 0 THEN actions_taken END AS actions_taken
            FROM sized
        )
        SELECT {RUN_FIELDS}, noted_id, share, began_at IS NOT NULL AS is_recorded,
            run.created_at < began_at - make_interval(secs => {CLOCK_SECONDS}) AS is_backdated
        FROM run
    """  # noqa: S608


_NOTED = _unsealed("""
    SELECT id, bool_or(kind = 'merge') AS is_merged, max(began_at) FILTER (WHERE kind = 'run') AS began_at
    FROM (SELECT kind, began_at, unnest(run_ids) AS id FROM seal_pending WHERE id = ANY($1)) AS noted
    GROUP BY id
""")
_OLDER = _unsealed(
    "SELECT id, false AS is_merged, CAST(NULL AS timestamptz) AS began_at FROM unnest($1::uuid[]) AS id"
)
_RUNS = f"SELECT {RUN_FIELDS} FROM agent_run_log AS run WHERE id = ANY($1)"  # noqa: S608
_SCORES = text("""
    SELECT CAST(noted.id AS text) AS id, scores
    FROM (SELECT DISTINCT unnest(run_ids) AS id FROM seal_pending WHERE id = ANY(:ids)) AS noted, LATERAL (
        SELECT CAST(rlhf_scores AS text) AS scores FROM agent_run_log WHERE id = noted.id LIMIT 1
    ) AS run
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


class Leaf(NamedTuple):
    """A leaf to append; its fields are the columns of `SealLeaf`."""

    kind: Kind
    run_id: UUID | None
    leaf_hash: bytes
    salt: bytes | None = None
    body: str | None = None

    @classmethod
    def of_entry(cls, kind: Kind, entry: bytes, run_id: UUID | None = None) -> "Leaf":
        """The leaf of an entry that is kept beside it."""
        return cls(kind, run_id, leaf_hash(entry), body=entry.decode("ascii"))


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
    leaves = await _noted_leaves(session, [row.id for row in rows if row.kind in ("run", "merge")], now)
    leaves += [_event_leaf(row) for row in rows if row.kind == "event"]
    scored = [(row.noted_by, row.id) for row in rows if row.kind == "scores"]
    for by in dict.fromkeys(by for by, _ in scored):
        found = await session.execute(_SCORES, {"ids": [id_ for noted_by, id_ in scored if noted_by == by]})
        leaves += score_leaves([(row.id, row.scores) for row in found], at=now, by=by)
    await append_leaves(session, leaves)
    await session.execute(_DONE, {"ids": [row.id for row in rows]})
    waiting: int = rows[0].waiting
    return waiting == PENDING_AT_ONCE or len(rows) < waiting


async def append_leaves(session: AsyncSession, leaves: Sequence[Leaf]) -> None:
    """Append leaves to the tree, for a caller that has the sealer's lock. Raises `ProofFailedError`."""
    if not leaves:
        return
    tree = await load_tree(session)
    driver = await driver_of(session)
    records = ((index, *leaf) for index, leaf in enumerate(leaves, tree.size))
    await driver.copy_records_to_table("seal_leaf", records=records, columns=("leaf_index", *Leaf._fields))
    await add_nodes(session, tree.extend([leaf.leaf_hash for leaf in leaves]))


async def older_leaves(session: AsyncSession, run_ids: Sequence[UUID]) -> list[Leaf]:
    """The leaves of those of the runs that have none."""
    driver = await driver_of(session)
    return await _run_leaves(driver, await driver.fetch(_OLDER, run_ids))


async def _noted_leaves(session: AsyncSession, pending: Sequence[int], now: str) -> list[Leaf]:
    """The leaves of runs that were recorded or merged.

    And of what is suspect about them: that they are gone already, or dated before they can have come.
    """
    if not pending:
        return []
    driver = await driver_of(session)
    runs = await driver.fetch(_NOTED, pending)
    leaves = await _run_leaves(driver, [run for run in runs if run["id"]])
    there = {leaf.run_id for leaf in leaves}
    gone = (run["noted_id"] for run in runs if run["is_recorded"] and run["noted_id"] not in there)
    leaves += [_suspect_leaf("vanish", run_id, None, now) for run_id in gone]
    backdated = (run for run in runs if run["is_backdated"])
    return leaves + [_suspect_leaf("backdate", run["id"], run["created_at"], now) for run in backdated]


async def _run_leaves(driver: asyncpg.Connection, runs: Iterable[asyncpg.Record]) -> list[Leaf]:
    """The leaves of runs as `_unsealed` has them, the oldest first in each share."""
    leaves: list[Leaf] = []
    for share, group in groupby(sorted(runs, key=itemgetter("share")), itemgetter("share")):
        whole = list(group)
        if share:
            whole = await driver.fetch(_RUNS, [run["id"] for run in whole])
        leaves += map(_run_leaf, sorted(whole, key=_age))
    return leaves


def _age(run: asyncpg.Record) -> tuple[str, UUID]:
    return run["created_at"] or "", run["id"]


def _run_leaf(run: asyncpg.Record) -> Leaf:
    salt = os.urandom(SALT_BYTES)
    return Leaf(Kind.RUN, run["id"], leaf_hash(entry_of_run(run, salt)), salt)


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


def score_leaves(scores: Sequence[tuple[str, str | None]], *, at: str, by: str) -> list[Leaf]:
    """The leaves of what runs show as scores: each its id, and PostgreSQL's text of the scores."""
    return [
        Leaf.of_entry(Kind.SCORES, scores_entry(scores[start : start + SCORES_AN_ENTRY], at=at, by=by))
        for start in range(0, len(scores), SCORES_AN_ENTRY)
    ]
