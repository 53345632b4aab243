"""Which idempotency keys have been used of late, by agent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunIdempotencyKey(Base):
    """A key an agent sent, the run it made and a digest of its payload, until it expires."""

    __tablename__ = "agent_run_idempotency_key"
    # By it the oldest are found; keys of one commit share an entry.
    __table_args__ = (Index("idx_agent_run_idempotency_key_created_at", "created_at"),)

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    run_id: Mapped[UUID]
    payload_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
