"""What each source said of a run, where it is more than the row of the log has."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunReport(Base):
    """One source's report of a run: the agent's own, its scheduler's, an importer's.

    A run has rows here where it was reported with a source or times of its own, or by several sources.
    `actions_taken` is NULL while the row of the log is this very report; once others were merged into that,
    each report stands here as it was sent. `payload_digest` is NULL where no run key was sent. Of a run that
    was erased both are NULL.
    """

    __tablename__ = "agent_run_report"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("agent_run_log.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str] = mapped_column(String(32))
    actions_taken: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    payload_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
