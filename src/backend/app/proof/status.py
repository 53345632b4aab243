"""How far sealing, verification in the background and sending checkpoints are behind."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.proof.domain.entries import Kind
from app.proof.domain.note import Note
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

_RUN = text(f"""
    SELECT leaf.leaf_index, checkpoint.tree_size, checkpoint.made_at, checkpoint.note
    FROM (
        SELECT max(leaf_index) AS leaf_index FROM seal_leaf WHERE run_id = :run_id AND kind = '{Kind.RUN}'
    ) AS leaf LEFT JOIN LATERAL (
        SELECT tree_size, made_at, note FROM seal_checkpoint WHERE tree_size > leaf.leaf_index
        ORDER BY tree_size LIMIT 1
    ) AS checkpoint ON true
""").bindparams(bindparam("run_id", type_=Uuid))  # noqa: S608


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


class RunSeal(NamedTuple):
    """Where a run is in the tree: its newest leaf, and the first checkpoint that covers it, if any.

    `witnesses` are the names of those who have signed that.
    """

    leaf_index: int | None
    tree_size: int | None
    signed_at: datetime | None
    witnesses: tuple[str, ...]


async def run_seal(session: AsyncSession, run_id: UUID) -> RunSeal:
    """Where the run is; all of it None while it waits to be sealed."""
    row = (await session.execute(_RUN, {"run_id": run_id})).one()
    signatures = Note.parse(row.note).signatures if row.note else ()
    origin = row.note.partition("\n")[0] if row.note else ""
    witnesses = tuple(each.name for each in signatures if each.name != origin)
    return RunSeal(row.leaf_index, row.tree_size, row.made_at, witnesses)
