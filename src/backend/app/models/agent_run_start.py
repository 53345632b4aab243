"""Which runs are under way, by the signals that they started, and how long those took that have ended."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Double, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunStart(Base):
    """A run that started, until it is recorded; one without a key has an empty `run_key`.

    `started_at` is as the signal says it, else when it came, at `received_at`. A row outlives its run for a
    few minutes: whether that has ended is derived when rows are read, so that recording runs costs nothing.
    `again_at` is when another start without a key came while this one was under way.
    """

    __tablename__ = "agent_run_start"

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    run_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    again_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AgentRunDuration(Base):
    """How many seconds passed from a run's start until it was recorded, of an agent's newest such runs.

    `agent_id` and `created_at` are those of the run; `by_key` is whether its key is that of the start.
    """

    __tablename__ = "agent_run_duration"
    __table_args__ = (Index("idx_agent_run_duration_agent_created", "agent_id", text("created_at DESC")),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seconds: Mapped[float] = mapped_column(Double)
    by_key: Mapped[bool] = mapped_column(Boolean)
