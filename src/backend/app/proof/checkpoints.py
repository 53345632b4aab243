"""Signed checkpoints of the tree, and which keys sign them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.proof.calibration import CHECKPOINT_SECONDS
from app.proof.domain.checkpoint import Checkpoint
from app.proof.domain.entries import Kind, key_entry, parse_entry
from app.proof.domain.note import SigningKey, VerifierKey
from app.proof.sealing import Leaf, append_leaves, lock_sealing
from app.proof.tree_store import load_tree, tree_size

_NEWEST = text("""
    SELECT tree_size, note, made_at,
        made_at < clock_timestamp() - make_interval(secs => :seconds) AS is_old
    FROM seal_checkpoint ORDER BY tree_size DESC LIMIT 1
""")
_OF_SIZE = text("SELECT tree_size, note, made_at FROM seal_checkpoint WHERE tree_size = :size")
_ADD = text("INSERT INTO seal_checkpoint (tree_size, note) VALUES (:size, :note)")
_KEYS = text("SELECT leaf_index, body FROM seal_leaf WHERE kind = 'key' ORDER BY leaf_index")


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it was signed."""

    tree_size: int
    note: str
    made_at: datetime


class KeyChange(NamedTuple):
    """The entry, in `leaf_index`, of a key that begins to sign or ends."""

    leaf_index: int
    key: VerifierKey
    begins: bool


async def key_changes(session: AsyncSession | AsyncConnection) -> list[KeyChange]:
    """What was sealed of the log's keys, in the order of the leaves."""
    changes = []
    for leaf in await session.execute(_KEYS):
        entry = parse_entry(leaf.body.encode())
        changes.append(
            KeyChange(leaf.leaf_index, VerifierKey.parse(entry["key"]), entry["state"] == "begins")
        )
    return changes


async def newest_checkpoint(session: AsyncSession) -> StoredCheckpoint | None:
    """The checkpoint of the largest tree; None before there is one."""
    row = (await session.execute(_NEWEST, {"seconds": 0})).one_or_none()
    return StoredCheckpoint(row.tree_size, row.note, row.made_at) if row else None


async def checkpoint_of_size(session: AsyncSession, size: int) -> StoredCheckpoint | None:
    """The checkpoint of the tree of `size` leaves, where there is one."""
    row = (await session.execute(_OF_SIZE, {"size": size})).one_or_none()
    return StoredCheckpoint(*row) if row else None


async def key_history(session: AsyncSession) -> dict[VerifierKey, bool]:
    """Every key that was sealed as one of the log's, the first one first; whether it signs still."""
    return {change.key: change.begins for change in await key_changes(session)}


async def make_checkpoint(
    session: AsyncSession, keys: Sequence[SigningKey], *, at_once: bool = False
) -> StoredCheckpoint | None:
    """Sign the tree as it is, where it has grown and the newest checkpoint is old enough, or `at_once`.

    1. Seal which keys have begun to sign and which have ended.
    2. Sign with all of them. A key that begins is trusted for an older one that signs beside it.

    None where nothing is to be signed, or another sealer is at work. Raises `ProofFailedError`.
    """
    newest = (await session.execute(_NEWEST, {"seconds": CHECKPOINT_SECONDS})).one_or_none()
    if not keys or (newest and not newest.is_old and not at_once):
        return None
    changes = _key_changes(await key_history(session), [key.verifier for key in keys])
    if newest and not changes and newest.tree_size == await tree_size(session):
        return None
    now = await lock_sealing(session)
    if now is None:
        return None
    entries = [key_entry(key=str(key), state=state, at=now) for key, state in changes]
    await append_leaves(session, [Leaf.of_entry(Kind.KEY, entry) for entry in entries])
    tree = await load_tree(session)
    note = str(Checkpoint(keys[0].name, tree.size, tree.root()).sign(keys))
    await session.execute(_ADD, {"size": tree.size, "note": note})
    return await newest_checkpoint(session)


def _key_changes(
    known: dict[VerifierKey, bool], signing: Sequence[VerifierKey]
) -> list[tuple[VerifierKey, str]]:
    begins = [(key, "begins") for key in signing if not known.get(key)]
    ends = [(key, "ends") for key, signs in known.items() if signs and key not in signing]
    return begins + ends
