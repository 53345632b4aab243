"""Backfills: history that is scored again, and how far each one has come."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ScoreBackfill(Base):
    """The runs created from `since` on and before `until`, scored by one version of a scorer, newest first.

    The cursor is the last run dealt with; `runs` is about how many there are. `request` is what
    the person asked for, in their words, and empty where the system opened it.
    """

    __tablename__ = "score_backfill"
    __table_args__ = (
        Index(
            "idx_score_backfill_open",
            "scorer",
            "version",
            "request",
            unique=True,
            postgresql_where=text("(finished_at IS NULL)"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    scorer: Mapped[str] = mapped_column(String(32))
    version: Mapped[str] = mapped_column(String(255))
    request: Mapped[str] = mapped_column(Text, server_default=text("''::text"))
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    cursor_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cursor_id: Mapped[UUID | None]
    runs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    scored: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skipped: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    failed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
