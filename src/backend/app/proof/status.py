"""How far sealing, verification in the background and sending checkpoints are behind."""

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

_DELIVERIES = text("""
    SELECT destination, extract(epoch FROM clock_timestamp() - delivered_at)::float8 AS age, failures
    FROM checkpoint_destination
""")


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


class DeliveryStatus(NamedTuple):
    """How many seconds ago a destination took a checkpoint, None before the first; failures since then."""

    age: float | None
    failures: int


async def delivery_statuses(session: AsyncSession) -> dict[str, DeliveryStatus]:
    """The status of each destination of checkpoints."""
    rows = await session.execute(_DELIVERIES)
    return {row.destination: DeliveryStatus(row.age, row.failures) for row in rows}
