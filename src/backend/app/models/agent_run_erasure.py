"""Which runs' payloads were erased."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunErasure(Base):
    """That a run's payload was erased: by whom, when and why. The run itself stays.

    The transaction that adds a row, and no other, may make the run's payload NULL, in the log and in its
    reports (`app.models.append_only`).
    """

    __tablename__ = "agent_run_erasure"
    # Where erasing by rule goes on.
    __table_args__ = (
        Index(
            "idx_agent_run_erasure_retention",
            "erased_at",
            postgresql_where=text("((erased_by)::text = 'retention'::text)"),
        ),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id"), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    erased_by: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(Text)
