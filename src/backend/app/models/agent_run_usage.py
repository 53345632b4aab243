"""What runs took, where their reports carry that; beside the log, so that sums read no payload."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Double, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunUsage(Base):
    """What a run took by its own report: seconds, tokens, US dollars; one of them at least.

    `agent_id` and `created_at` are those of the run. A run whose report carries nothing of it has no row.
    """

    __tablename__ = "agent_run_usage"
    __table_args__ = (
        Index("idx_agent_run_usage_agent_created", "agent_id", text("created_at DESC")),
        Index("idx_agent_run_usage_created_at", "created_at"),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seconds: Mapped[float | None] = mapped_column(Double)
    tokens: Mapped[int | None] = mapped_column(BigInteger)
    cost_usd: Mapped[float | None] = mapped_column(Double)
