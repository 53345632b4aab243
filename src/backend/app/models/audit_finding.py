"""What the Auditor found, from when it opened to when it closed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AuditFinding(Base):
    """One incident. The partial unique index lets a rule and agent have one open finding at most.

    `alerted_at` is when an alert about it was last written, `notified_at` when one last went out.
    """

    __tablename__ = "audit_finding"
    __table_args__ = (
        Index(
            "idx_audit_finding_open",
            "rule",
            "agent_id",
            unique=True,
            postgresql_where=text("(closed_at IS NULL)"),
        ),
        Index("idx_audit_finding_opened_at", text("opened_at DESC")),
        # Every cycle asks for these few, however many others there are.
        Index(
            "idx_audit_finding_fleet",
            "opened_at",
            postgresql_where=text("((rule)::text = 'fleet_silent'::text)"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    rule: Mapped[str] = mapped_column(String(64))
    agent_id: Mapped[str] = mapped_column(String(255))
    message: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closing_evidence: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    acknowledged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    acknowledged_by: Mapped[str | None] = mapped_column(String(255))
    acknowledgement_note: Mapped[str | None] = mapped_column(Text)
    alerted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    notified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def severity(self) -> str:
        """How grave it is, by the rule that found it."""
        severity = self.evidence.get("severity")
        return severity if isinstance(severity, str) else "medium"
