"""Alerts: what is to be sent, by which channel, and how each try went."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Double, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AlertNotification(Base):
    """One message to one channel, from when there was something to tell: the outbox of alerts.

    `kind` is `opened`, `reminder`, `closed`, `digest` or `test`; `state` is `pending`, `sent` or `failed`
    (given up). `events` is a list of findings' ids and what happened to each. `message` is what was said,
    from the first try on; after `rejections` of it a shorter form is sent. `delivered` are digests of the
    targets that took it while others of the channel did not. While a process tries it, `next_attempt_at` is
    when another may if it was lost.
    """

    __tablename__ = "alert_notification"
    __table_args__ = (
        Index(
            "idx_alert_notification_pending",
            "channel",
            "next_attempt_at",
            postgresql_where=text("((state)::text = 'pending'::text)"),
        ),
        Index("idx_alert_notification_created_at", text("created_at DESC")),
        Index("idx_alert_notification_first_attempt_at", "channel", "first_attempt_at"),
        # Which notifications are about a finding.
        Index("idx_alert_notification_events", text("events jsonb_path_ops"), postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    kind: Mapped[str] = mapped_column(String(16))
    channel: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str | None] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), server_default=text("'pending'::character varying"))
    events: Mapped[list[list[str]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    rejections: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    delivered: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    next_attempt_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    first_attempt_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AlertAttempt(Base):
    """One try to deliver a notification. Without an outcome it is under way, or its process was lost.

    `retry_after`: for how many seconds the receiver asked not to be sent anything.
    """

    __tablename__ = "alert_attempt"

    notification_id: Mapped[UUID] = mapped_column(ForeignKey("alert_notification.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    ok: Mapped[bool | None] = mapped_column(Boolean)
    outcome: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float | None] = mapped_column(Double)
    retry_after: Mapped[float | None] = mapped_column(Double)
