"""Acknowledging findings: somebody knows, so nobody is reminded."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AuditFinding


async def acknowledge(session: AsyncSession, finding_id: UUID, by: str, note: str | None = None) -> bool:
    """Note who knows of an open finding; whoever comes last is named. False where no such one is open."""
    statement = (
        update(AuditFinding)
        .where(AuditFinding.id == finding_id, AuditFinding.closed_at.is_(None))
        .values(acknowledged_at=func.now(), acknowledged_by=by, acknowledgement_note=note)
        .returning(AuditFinding.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(statement) is not None
