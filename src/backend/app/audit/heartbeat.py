"""The Auditor's heartbeat: a record of each cycle, by which is known when it could not judge."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cadence.calibration import PAST_DAYS
from app.audit.cycle import AuditCycle
from app.kit.sql import database_now
from app.models import AuditCycleRecord

KEPT = timedelta(days=2 * PAST_DAYS)
"""How long a cycle is known: twice as long as an outage matters."""


async def record_cycle(session: AsyncSession, cycle: AuditCycle) -> None:
    """Note that a cycle ended now, in the transaction that stores what it changed."""
    await session.execute(
        insert(AuditCycleRecord).values(
            agents=cycle.agents,
            opened=len(cycle.opened),
            closed=len(cycle.closed),
            errors=len(cycle.errors),
        )
    )
    await session.execute(
        delete(AuditCycleRecord).where(AuditCycleRecord.ended_at < func.clock_timestamp() - KEPT)
    )


async def record_failure(session: AsyncSession, error: str) -> None:
    """Note that a cycle could not be done."""
    await session.execute(insert(AuditCycleRecord).values(error=error))


async def cycled_within(session: AsyncSession, span: timedelta) -> bool:
    """Whether a cycle ended in the last `span`."""
    now = func.clock_timestamp()
    record = select(AuditCycleRecord.id).where(
        # After a clock has jumped back, a record from the future says nothing.
        AuditCycleRecord.ended_at > now - span,
        AuditCycleRecord.ended_at <= now,
    )
    return bool((await session.execute(select(record.exists()))).scalar_one())


_LAST = select(func.max(AuditCycleRecord.ended_at)).where(AuditCycleRecord.ended_at <= func.clock_timestamp())


async def last_cycle(session: AsyncSession) -> datetime | None:
    """When the newest cycle ended; None before the first."""
    return await session.scalar(_LAST)


async def cycle_age(session: AsyncSession) -> float | None:
    """How many seconds ago the newest cycle ended; None before the first."""
    last = await last_cycle(session)
    return (await database_now(session) - last).total_seconds() if last else None
