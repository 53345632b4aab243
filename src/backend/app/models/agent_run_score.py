"""Every scorer's result of every run. The current one of a run is on the run as well."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Double, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunScore(Base):
    """What one version of a scorer made of a run: a score from 0 to 1, or why there is none.

    `retry_at` is when a scorer that failed is asked again; NULL when it succeeded or is given up.
    """

    __tablename__ = "agent_run_score"
    __table_args__ = (
        Index("idx_agent_run_score_version", "scorer", "version"),
        Index(
            "idx_agent_run_score_failed", "scorer", "retry_at", postgresql_where=text("(error IS NOT NULL)")
        ),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id", ondelete="CASCADE"), primary_key=True)
    scorer: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(255), primary_key=True)
    auto: Mapped[float | None] = mapped_column(Double)
    dimensions: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    reasons: Mapped[list[str] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    retry_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    scored_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
