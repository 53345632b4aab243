"""Which idempotency keys have been used, by agent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunIdempotencyKey(Base):
    """A key an agent sent, the run it made and a digest of its payload."""

    __tablename__ = "agent_run_idempotency_key"

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    run_id: Mapped[UUID]
    payload_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
