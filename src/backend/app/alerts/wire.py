"""Wire types of alerts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.models import AlertAttempt, AlertNotification


class AttemptOut(BaseModel):
    """One try to deliver. `ok` is null while it is under way, or where its process was lost."""

    model_config = ConfigDict(from_attributes=True)

    started_at: datetime
    ok: bool | None
    outcome: str | None
    seconds: float | None


class AlertOut(BaseModel):
    """One message to one channel."""

    id: UUID
    kind: Literal["opened", "reminder", "closed", "digest", "test"]
    channel: str
    state: Literal["pending", "sent", "failed"] = Field(description="`failed`: given up after three days.")
    severity: str | None
    findings: list[UUID]
    title: str | None = Field(description="Null until it is first tried.")
    text: str | None
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Null once it is sent or given up.")
    sent_at: datetime | None
    attempts: list[AttemptOut]

    @classmethod
    def of(cls, row: AlertNotification, attempts: Iterable[AlertAttempt]) -> "AlertOut":
        """A notification and its tries."""
        message = row.message or {}
        return cls(
            id=row.id,
            kind=row.kind,
            channel=row.channel,
            state=row.state,
            severity=row.severity,
            findings=list(dict.fromkeys(UUID(finding_id) for finding_id, _ in row.events)),
            title=message.get("title"),
            text=message.get("text"),
            created_at=row.created_at,
            next_attempt_at=row.next_attempt_at if row.state == "pending" else None,
            sent_at=row.sent_at,
            attempts=[AttemptOut.model_validate(attempt) for attempt in attempts],
        )


class AlertList(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertOut]
