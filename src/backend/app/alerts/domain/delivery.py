"""One attempt to deliver a notification by a channel, and how it went."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.alerts.domain.message import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification to send now. Its `id` and its message are the same in every attempt."""

    id: UUID
    kind: str
    channel: str
    severity: str | None
    created_at: datetime
    attempt: int
    message: Message
    findings: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went, in words without secrets, and how many seconds it took."""

    ok: bool
    text: str
    seconds: float
