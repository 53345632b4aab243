"""What is known of OpenClaw's cron jobs, what is declared by them, and events that tell of no run yet."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class OpenClawJob(Base):
    """A cron job, as its newest event or list has it: events about its runs do not all name its agent.

    `agent` is the id that OpenClaw has for it, or that its plugin gave it (`from_plugin`).
    A `removed` job stays for what may still come of its runs.
    """

    __tablename__ = "openclaw_job"
    __table_args__ = (Index("idx_openclaw_job_agent", "agent"),)

    job_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    agent: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    is_system: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    from_plugin: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    is_irregular: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    removed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    schedule: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    next_run_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class OpenClawDeclaration(Base):
    """The schedule last declared of an agent by its jobs: what differs from it, a person declared."""

    __tablename__ = "openclaw_declaration"

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    schedule: Mapped[str | None] = mapped_column(String(255))
    timezone: Mapped[str] = mapped_column(String(64))
    declared_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))


class OpenClawKeptEvent(Base):
    """An event that is kept: one that is not understood, an alert that waits, a tool that failed in a run.

    The same one again is counted in `times`. Of each `kind` the newest are kept.
    """

    __tablename__ = "openclaw_kept_event"
    __table_args__ = (
        Index("idx_openclaw_kept_event_kind", "kind", "last_received_at"),
        Index("idx_openclaw_kept_event_job", "kind", "job_id"),
        Index("idx_openclaw_kept_event_session", "session_key"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(255))
    job_id: Mapped[str | None] = mapped_column(String(255))
    session_key: Mapped[str | None] = mapped_column(Text)
    body: Mapped[Any] = mapped_column(JSONB)
    times: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    last_received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
