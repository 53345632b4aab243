"""Agent Cloud's tasks: one row a task."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentCloudTask(Base):
    """A finished task. `completed_at` is when it was first reported completed; NULL while failed."""

    __tablename__ = "agent_cloud_task"
    __table_args__ = (
        Index("idx_agent_cloud_task_completed_at", "completed_at"),
        Index("idx_agent_cloud_task_failed", "updated_at", postgresql_where=text("(completed_at IS NULL)")),
    )

    task_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    agent_id: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(32))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
