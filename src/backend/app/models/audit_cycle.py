"""The Auditor's cycles: its heartbeat, which no report can fake."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Integer, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

_NONE = text("0")


class AuditCycleRecord(Base):
    """A cycle, recorded with what it changed, or with the `error` that ended it."""

    __tablename__ = "audit_cycle"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    agents: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    opened: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    closed: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    errors: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index("idx_audit_cycle_ended_at", "ended_at"),)
