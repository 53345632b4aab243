"""People's ratings of runs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Double, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunFeedback(Base):
    """One person's rating of one run, 0 to 1; rating again replaces it.

    `replaced` is the rating before it, `rating` and `comment`, so that the newest can be undone.
    """

    __tablename__ = "agent_run_feedback"
    __table_args__ = (Index("idx_agent_run_feedback_updated_at", text("updated_at DESC")),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id"), primary_key=True)
    rater: Mapped[str] = mapped_column(String(255), primary_key=True)
    rating: Mapped[float] = mapped_column(Double)
    comment: Mapped[str | None] = mapped_column(Text)
    replaced: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
