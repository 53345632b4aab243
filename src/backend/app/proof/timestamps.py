"""Time stamps of checkpoints (RFC 3161): that a checkpoint was there at a time, by who did not make it."""

from typing import NamedTuple

from sqlalchemy import LargeBinary, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.proof.domain.checkpoint import as_signed

_KEEP = text("""
    UPDATE seal_checkpoint SET timestamp_response = :response WHERE tree_size = :size
""").bindparams(bindparam("response", type_=LargeBinary))
_NEWEST = text("""
    SELECT note, timestamp_response FROM seal_checkpoint WHERE timestamp_response IS NOT NULL
    ORDER BY tree_size DESC LIMIT 1
""")


class Stamped(NamedTuple):
    """A checkpoint as it was stamped, and the authority's answer, in DER."""

    checkpoint: str
    response: bytes


async def keep_timestamp(session: AsyncSession, tree_size: int, response: bytes) -> None:
    """Keep what the authority answered about the checkpoint of this size, without its cosignatures."""
    await session.execute(_KEEP, {"response": response, "size": tree_size})


async def newest_stamped(session: AsyncSession) -> Stamped | None:
    """The newest checkpoint that has a time stamp."""
    row = (await session.execute(_NEWEST)).one_or_none()
    return Stamped(as_signed(row.note), row.timestamp_response) if row else None
