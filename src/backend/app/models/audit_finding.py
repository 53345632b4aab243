"""What the Auditor found, from when it opened to when it closed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import FILL, Base

# Rows that are older than these columns say the same in their evidence. Other programs may have written
# anything there: what is no moment, or none that Python can hold, counts as none.
_MOMENT_OR_NULL = """CREATE OR REPLACE FUNCTION pg_temp.moment_or_null(value text) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    IF value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+([+-][0-9]{2}:[0-9]{2}|Z)$' THEN
        moment := value;
    END IF;
    RETURN CASE WHEN moment >= 'epoch' AND moment < '9999-01-01' THEN moment END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$"""
_SEVERITY = """UPDATE audit_finding SET severity = evidence ->> 'severity'
WHERE evidence ->> 'severity' IN ('low', 'high')"""


def _moment_of(column: str, path: str) -> dict[str, Sequence[str]]:
    """What fills `column` of old rows from the moment that their evidence has at `path`."""
    value = f"evidence #>> '{{{path}}}'"
    fill = f"""UPDATE audit_finding SET {column} = pg_temp.moment_or_null({value})
WHERE {value} IS NOT NULL"""  # noqa: S608
    return {FILL: (_MOMENT_OR_NULL, fill)}


class AuditFinding(Base):
    """One incident. The partial unique index lets a rule and agent have one open finding at most.

    `last_run_at` is when the newest run came that it was judged by, and `began_at` when the trouble began,
    where that is known to have been before `opened_at`. `alerted_at` is when an alert about it was last
    written, `notified_at` when one last went out.
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
        Index("idx_audit_finding_closed_at", "closed_at"),
        Index("idx_audit_finding_agent", "agent_id", text("opened_at DESC")),
        # Every cycle asks for these few, however many others there are.
        Index(
            "idx_audit_finding_fleet",
            "opened_at",
            postgresql_where=text("((rule)::text = 'fleet_silent'::text)"),
        ),
        Index(
            "idx_audit_finding_missing",
            "closed_at",
            postgresql_where=text("((rule)::text = 'agents_missing'::text)"),
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
    severity: Mapped[str] = mapped_column(
        String(8),
        server_default=text("'medium'::character varying"),
        info={FILL: (_SEVERITY,)},
    )
    last_run_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), info=_moment_of("last_run_at", "last_run,created_at")
    )
    began_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), info=_moment_of("began_at", "since")
    )
