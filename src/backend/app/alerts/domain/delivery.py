"""One attempt to deliver a notification by a channel, and how it went."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.alerts.domain.message import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification to send now. Its `id` and its message are the same in every attempt.

    After `rejections` of the message a channel sends a shorter form of it (`room.form_of`). `delivered` are
    those of the channel's targets that took it already.
    """

    id: UUID
    kind: str
    channel: str
    severity: str | None
    created_at: datetime
    attempt: int
    message: Message
    findings: tuple[UUID, ...] = ()
    rejections: int = 0
    delivered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt went, in words without secrets, and how many seconds it took.

    `rejected`: the receiver will never take the message as it is. `retry_after`: seconds it asked to wait.
    `delivered`: which of several targets took it though others did not.
    """

    ok: bool
    text: str
    seconds: float
    rejected: bool = False
    retry_after: float | None = None
    delivered: frozenset[str] = frozenset()
