"""Cosignatures: what witnesses say of checkpoints, kept and given out with these (C2SP tlog-cosignature)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError, ProofFailedError
from app.proof.domain.checkpoint import Checkpoint
from app.proof.domain.note import Note, VerifierKey

_OF_SIZE = text("SELECT note FROM seal_checkpoint WHERE tree_size = :size FOR UPDATE")
_KEEP = text("""
    UPDATE seal_checkpoint SET note = :note, cosigned_at = clock_timestamp() WHERE tree_size = :size
""")
_COSIGNED = text("""
    SELECT note FROM seal_checkpoint WHERE cosigned_at IS NOT NULL ORDER BY tree_size DESC LIMIT :limit
""")

_LOOKED_AT = 100
"""Cosigned checkpoints that are looked at for each witness's newest: of a witness that has long been silent
it is not known."""


class Cosigned(NamedTuple):
    """The newest checkpoint that a witness has signed, and when it saw it; None where none is known."""

    key: VerifierKey
    tree_size: int | None
    moment: datetime | None


async def add_cosignatures(
    session: AsyncSession, note: Note, witnesses: Sequence[VerifierKey]
) -> list[Cosigned]:
    """Keep the cosignatures of a checkpoint by those of the `witnesses` that have signed it; returns these.

    `note` is one of the log's checkpoints with further signatures; those of others are left out. A witness's
    first cosignature of a checkpoint stays. Raises ProofFormatError, ProofFailedError where a signature is
    wrong or there is none, and NotFoundError where the log has no such checkpoint.
    """
    size = Checkpoint.parse(note.text).size
    stored = await session.scalar(_OF_SIZE, {"size": size})
    if stored is None:
        raise NotFoundError(f"the log has no checkpoint of {size} leaves")
    known = Note.parse(stored)
    if known.text != note.text:
        raise ProofFailedError(f"the log's checkpoint of {size} leaves is another one")
    verified = note.verified(witnesses)
    if not verified:
        raise ProofFailedError("no witness of RUNLOG_WITNESS_KEYS has signed this checkpoint")
    theirs = {(each.name, each.key_id): each for each in reversed(note.signatures)}
    have = {(each.name, each.key_id) for each in known.signatures}
    added = [theirs[each.key.name, each.key.id] for each in verified]
    added = [each for each in added if (each.name, each.key_id) not in have]
    if added:
        cosigned = Note(known.text, (*known.signatures, *added))
        await session.execute(_KEEP, {"note": str(cosigned), "size": size})
    return [Cosigned(each.key, size, _moment(each.moment)) for each in verified]


async def newest_cosigned(session: AsyncSession, witnesses: Sequence[VerifierKey]) -> list[Cosigned]:
    """The newest checkpoint that each of the witnesses has signed."""
    newest = {key: Cosigned(key, None, None) for key in witnesses}
    for stored in await session.scalars(_COSIGNED, {"limit": _LOOKED_AT}):
        note = Note.parse(stored)
        for each in note.verified(key for key, known in newest.items() if known.tree_size is None):
            newest[each.key] = Cosigned(each.key, Checkpoint.parse(note.text).size, _moment(each.moment))
    return list(newest.values())


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
