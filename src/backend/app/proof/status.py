"""How far sealing is behind, and verification in the background."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.proof.tree_store import SIZE

# The oldest row that waits is the first: what a long transaction has noted came by its id, too.
_STATUS = text(f"""
    SELECT
        ({SIZE}) AS leaves,
        coalesce((
            SELECT extract(epoch FROM clock_timestamp() - noted_at) FROM seal_pending ORDER BY id LIMIT 1
        ), 0)::float8 AS lag,
        (SELECT extract(epoch FROM clock_timestamp() - made_at)::float8 FROM seal_checkpoint
            ORDER BY tree_size DESC LIMIT 1) AS checkpoint_age,
        coalesce((SELECT leaves FROM seal_verification), 0) AS verified,
        (SELECT extract(epoch FROM clock_timestamp() - ended_at)::float8 FROM seal_verification)
            AS verification_age
""")  # noqa: S608


class SealStatus(NamedTuple):
    """Leaves of the tree; seconds since the oldest change that waits for one, 0 where none does.

    `checkpoint_age` is in seconds since the newest checkpoint was signed, None before the first one.
    `verified` leaves were ever verified in the background; `verification_age` is in seconds since all were,
    None before that.
    """

    leaves: int
    lag: float
    checkpoint_age: float | None
    verified: int
    verification_age: float | None


async def seal_status(session: AsyncSession) -> SealStatus:
    """The status now; the log's length does not matter."""
    return SealStatus(*(await session.execute(_STATUS)).one())
