"""The log itself: one permanent row a run, exactly as specified."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer, String, Text, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from app.models.moments import LogMoment

# By what `overall` is, and not by what it is not: the planner would expect to find most rows then.
UNSCORED = text(
    "((rlhf_scores IS NULL) OR (COALESCE(jsonb_typeof((rlhf_scores -> 'overall'::text)), 'null'::text) = ANY"
    " (ARRAY['null'::text, 'string'::text, 'boolean'::text, 'array'::text, 'object'::text])))"
)
"""True of a run without a score: none yet, its scorer failed, or another program left no number there."""

AUDITOR = "auditor"
"""The agent as which the Auditor reports its cycles. These runs are kept and shown like any others, but they
are not audited, and no figure about the agents' work counts them."""


class AgentRunLog(Base):
    """A finished run. Within an agent `created_at` strictly follows the order of commits."""

    __tablename__ = "agent_run_log"
    __table_args__ = (
        Index("idx_agent_run_log_agent_id", "agent_id"),
        Index("idx_agent_run_log_created_at", text("created_at DESC")),
        Index("idx_agent_run_log_status", "status"),
        Index("idx_agent_run_log_agent_created", "agent_id", text("created_at DESC")),
        Index(
            "idx_agent_run_log_unscored",
            "created_at",
            postgresql_where=UNSCORED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    agent_id: Mapped[str] = mapped_column(String(255))
    run_at: Mapped[datetime] = mapped_column(LogMoment, server_default=text("now()"))
    action_summary: Mapped[str | None] = mapped_column(Text)
    actions_taken: Mapped[dict[str, Any] | None] = mapped_column(
        postgresql.JSONB(none_as_null=True), server_default=text("'{}'::jsonb")
    )
    status: Mapped[str] = mapped_column(String(32), server_default=text("'success'::character varying"))
    consecutive_silence_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rlhf_scores: Mapped[dict[str, Any] | None] = mapped_column(postgresql.JSONB(none_as_null=True))
    created_at: Mapped[datetime | None] = mapped_column(LogMoment, server_default=text("now()"))
