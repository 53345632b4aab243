"""Where checkpoints are sent: what is due, and how it went. Of several checkpoints only the newest counts."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import database_now
from app.models import CheckpointDelivery, CheckpointDestination
from app.proof.calibration import DELIVERIES_KEPT

_LOCK = text(f"SELECT pg_try_advisory_xact_lock({0x7769746E657373})")  # "witness"


async def lock_deliveries(session: AsyncSession) -> bool:
    """Take the right to send checkpoints, until the transaction ends; False while another has it."""
    return bool(await session.scalar(_LOCK))


async def destinations(session: AsyncSession) -> list[CheckpointDestination]:
    """All that checkpoints were ever sent to, by name."""
    return list(
        await session.scalars(select(CheckpointDestination).order_by(CheckpointDestination.destination))
    )


async def deliveries(session: AsyncSession, limit: int) -> list[CheckpointDelivery]:
    """The last ones, newest first."""
    newest = select(CheckpointDelivery).order_by(CheckpointDelivery.delivered_at.desc()).limit(limit)
    return list(await session.scalars(newest))


async def destinations_due(
    session: AsyncSession, every: Mapping[str, timedelta], tree_size: int
) -> list[str]:
    """Those of the destinations, each with the time between two deliveries, that want this checkpoint now."""
    now = await database_now(session)
    known = {each.destination: each for each in await destinations(session)}
    return [name for name, pause in every.items() if _is_due(known.get(name), pause, tree_size, now)]


async def forget_others(session: AsyncSession, names: Collection[str]) -> None:
    """Forget the destinations that the settings no longer name."""
    await session.execute(
        delete(CheckpointDestination).where(CheckpointDestination.destination.not_in(names))
    )


async def record_delivery(session: AsyncSession, destination: str, tree_size: int, outcome: str) -> None:
    """Note that the destination took the checkpoint, and forget deliveries of long ago."""
    now = await database_now(session)
    await _update(
        session,
        destination,
        {
            "tree_size": tree_size,
            "delivered_at": now,
            "failures": 0,
            "outcome": outcome,
            "next_attempt_at": now,
        },
    )
    taken = insert(CheckpointDelivery).values(destination=destination, tree_size=tree_size, delivered_at=now)
    await session.execute(taken.on_conflict_do_nothing())
    old = CheckpointDelivery.delivered_at < func.now() - DELIVERIES_KEPT
    await session.execute(delete(CheckpointDelivery).where(old))


async def record_failure(
    session: AsyncSession, destination: str, outcome: str, delay: Callable[[int], timedelta]
) -> None:
    """Note that it failed; `delay` says how long to wait after so many failures in a row."""
    known = await session.get(CheckpointDestination, destination)
    failures = (known.failures if known else 0) + 1
    due = await database_now(session) + delay(failures)
    await _update(session, destination, {"failures": failures, "outcome": outcome, "next_attempt_at": due})


def _is_due(known: CheckpointDestination | None, every: timedelta, tree_size: int, now: datetime) -> bool:
    if known is None:
        return True
    if known.failures:
        return now >= known.next_attempt_at
    is_time = known.delivered_at is None or now >= known.delivered_at + every
    return is_time and tree_size != known.tree_size


async def _update(session: AsyncSession, destination: str, values: Mapping[str, object]) -> None:
    row = insert(CheckpointDestination).values(destination=destination, **values)
    await session.execute(
        row.on_conflict_do_update(index_elements=[CheckpointDestination.destination], set_=dict(values))
    )
