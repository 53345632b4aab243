"""Delivering alerts. Each notification is leased by one process at a time and delivered at least once:

1. `claim`: merge the new notifications of a channel into one, or pick one whose retry is due; lease it, write
   its message if it has none, and note the attempt. To be committed before sending.
2. The channel sends it, without a transaction (`channels.sending`).
3. `record`: store how the attempt went; after a failure, when the next one is due.

A process that is lost after step 1 leaves an attempt without an outcome; the lease ends, and another sends
the same message with the same id.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts import digest
from app.alerts.domain.calibration import (
    GIVE_UP_AFTER,
    KEPT,
    LEASE,
    LONGEST_PAUSE,
    RATE_WINDOW,
)
from app.alerts.domain.delivery import Delivery, Outcome
from app.alerts.domain.incident import URGENT, gravest, kind_of
from app.alerts.domain.message import Message, alert_message
from app.alerts.domain.timing import gives_up, retry_delay, throttled_until
from app.alerts.incidents import incidents_of_events
from app.alerts.settings import AlertSettings
from app.kit.sql import database_now
from app.kit.text import at
from app.models import AlertAttempt, AlertNotification, AuditFinding

State = Literal["pending", "sent", "failed"]

_DIGEST = "digest"


async def channels_due(session: AsyncSession) -> set[str]:
    """The channels, of the settings or not, for which something is due."""
    due = select(AlertNotification.channel).where(
        AlertNotification.state == "pending", AlertNotification.next_attempt_at <= await database_now(session)
    )
    return set(await session.scalars(due.distinct()))


async def claim(session: AsyncSession, settings: AlertSettings, channel: str) -> Delivery | None:
    """The next notification to send by `channel`, leased by this process for `LEASE`; None if there is none.

    1. Take the channel's advisory lock; another process that has it is claiming already. Claim nothing while
       the receiver has asked for a pause.
    2. Lock the notifications that are due.
    3. Merge those without an attempt into one, unless the channel is throttled and none of them is urgent.
       Digests stay by themselves.
    4. Else pick a failed one whose retry is due, or the digest, which comes last.
    5. Begin its attempt.
    """
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext(f"alerts {channel}")))):
        return None
    now = await database_now(session)
    if await _is_paused(session, channel, now):
        return None
    due = await session.scalars(
        select(AlertNotification)
        .where(
            AlertNotification.channel == channel,
            AlertNotification.state == "pending",
            AlertNotification.next_attempt_at <= now,
        )
        .order_by(AlertNotification.created_at, AlertNotification.id)
        .with_for_update()
    )
    rows = due.all()
    fresh = [row for row in rows if not row.attempts and row.kind != _DIGEST]
    urgent = any(row.severity == URGENT for row in fresh)
    if fresh and (urgent or not await _is_throttled(session, settings, channel, now)):
        row = await _merged(session, fresh)
    else:
        others = [row for row in rows if row.attempts or row.kind == _DIGEST]
        if not others:
            return None
        row = min(others, key=lambda each: (each.kind == _DIGEST, each.next_attempt_at))
    return await _begin(session, row, now, settings.url)


async def record(session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
    """Store how an attempt went, and when the next one is due if it failed."""
    now = await database_now(session)
    await session.execute(
        update(AlertAttempt)
        .where(AlertAttempt.notification_id == delivery.id, AlertAttempt.attempt == delivery.attempt)
        .values(ok=outcome.ok, outcome=outcome.text, seconds=outcome.seconds, retry_after=outcome.retry_after)
    )
    row = await session.get(AlertNotification, delivery.id, with_for_update=True)
    if row is None or row.state == "sent":
        return
    if outcome.ok:
        row.state, row.sent_at = "sent", now
        return
    row.rejections = max(row.rejections, delivery.rejections + outcome.rejected)
    row.delivered = sorted({*row.delivered, *outcome.delivered})
    # A slow attempt may end after the next one has begun, which then decides.
    if row.attempts == delivery.attempt:
        row.next_attempt_at = now + retry_delay(row.attempts, random.random(), outcome.retry_after)  # noqa: S311
        if gives_up(row.first_attempt_at or now, now):
            row.state = "failed"


async def mark_notified(session: AsyncSession, finding_ids: Sequence[UUID]) -> list[UUID]:
    """Note that an alert about the findings went out now; returns those that another transaction has locked.

    It waits for no row: an audit locks many in an order of its own, and waiting could end in a deadlock.
    """
    of_these = AuditFinding.id == any_(literal(list(finding_ids), ARRAY(Uuid)))
    free = select(AuditFinding.id).where(of_these).with_for_update(skip_locked=True)
    marked = await session.scalars(
        update(AuditFinding)
        .where(AuditFinding.id.in_(free))
        .values(notified_at=func.now())
        .returning(AuditFinding.id)
        .execution_options(synchronize_session=False)
    )
    return list({*finding_ids} - {*marked})


async def give_up_orphans(session: AsyncSession, channels: Collection[str]) -> None:
    """Give up notifications that have long waited for a channel that the settings no longer name."""
    now = await database_now(session)
    await session.execute(
        update(AlertNotification)
        .where(
            AlertNotification.state == "pending",
            AlertNotification.channel.not_in(channels),
            AlertNotification.next_attempt_at <= now - GIVE_UP_AFTER,
        )
        .values(state="failed")
        .execution_options(synchronize_session=False)
    )


async def forget_old(session: AsyncSession) -> None:
    """Delete notifications that were sent or given up more than `KEPT` ago, and their attempts."""
    old = select(AlertNotification.id).where(
        AlertNotification.created_at < func.now() - KEPT, AlertNotification.state != "pending"
    )
    await session.execute(delete(AlertAttempt).where(AlertAttempt.notification_id.in_(old)))
    await session.execute(delete(AlertNotification).where(AlertNotification.id.in_(old)))


async def record_test(session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
    """Store a test message after it was sent or failed: it is not sent again."""
    now = await database_now(session)
    session.add(
        AlertNotification(
            id=delivery.id,
            kind=delivery.kind,
            channel=delivery.channel,
            state="sent" if outcome.ok else "failed",
            message=_stored(delivery.message),
            attempts=1,
            created_at=delivery.created_at,
            first_attempt_at=delivery.created_at,
            sent_at=now if outcome.ok else None,
        )
    )
    await session.flush()
    session.add(
        AlertAttempt(
            notification_id=delivery.id,
            attempt=1,
            started_at=delivery.created_at,
            ok=outcome.ok,
            outcome=outcome.text,
            seconds=outcome.seconds,
        )
    )


async def notifications(
    session: AsyncSession, *, state: State | None = None, channel: str | None = None, limit: int = 100
) -> list[tuple[AlertNotification, list[AlertAttempt]]]:
    """The newest notifications, each with its attempts in order."""
    statement = select(AlertNotification).order_by(AlertNotification.created_at.desc(), AlertNotification.id)
    if state:
        statement = statement.where(AlertNotification.state == state)
    if channel:
        statement = statement.where(AlertNotification.channel == channel)
    rows = (await session.scalars(statement.limit(limit))).all()
    tries: dict[UUID, list[AlertAttempt]] = {row.id: [] for row in rows}
    of_these = AlertAttempt.notification_id == any_(literal(list(tries), ARRAY(Uuid)))
    for attempt in await session.scalars(select(AlertAttempt).where(of_these).order_by(AlertAttempt.attempt)):
        tries[attempt.notification_id].append(attempt)
    return [(row, tries[row.id]) for row in rows]


async def _is_paused(session: AsyncSession, channel: str, now: datetime) -> bool:
    """Whether the receiver has asked to wait until after `now`, in its answer to what is pending still."""
    seconds = func.coalesce(AlertAttempt.seconds, 0) + func.least(
        AlertAttempt.retry_after, LONGEST_PAUSE.total_seconds()
    )
    pausing = (
        select(AlertAttempt.attempt)
        .join(AlertNotification, AlertNotification.id == AlertAttempt.notification_id)
        .where(
            AlertNotification.channel == channel,
            AlertNotification.state == "pending",
            AlertAttempt.retry_after.is_not(None),
            AlertAttempt.started_at + func.make_interval(0, 0, 0, 0, 0, 0, seconds) > now,
        )
    )
    return bool(await session.scalar(select(pausing.exists())))


async def _is_throttled(session: AsyncSession, settings: AlertSettings, channel: str, now: datetime) -> bool:
    begun = await session.scalars(
        select(AlertNotification.first_attempt_at).where(
            AlertNotification.channel == channel,
            AlertNotification.first_attempt_at > now - RATE_WINDOW,
            AlertNotification.kind.in_(("opened", "reminder", "closed")),
        )
    )
    times = [moment for moment in begun if moment]
    return throttled_until(times, settings.rate, now) is not None


async def _merged(session: AsyncSession, fresh: Sequence[AlertNotification]) -> AlertNotification:
    """One notification with the events of all of them; the others are deleted."""
    first, *others = fresh
    if others:
        first.events = [event for row in fresh for event in row.events]
        first.kind = kind_of(event for _, event in first.events)
        first.severity = gravest(row.severity or "low" for row in fresh)
        merged = any_(literal([row.id for row in others], ARRAY(Uuid)))
        await session.execute(
            delete(AlertNotification)
            .where(AlertNotification.id == merged)
            .execution_options(synchronize_session=False)
        )
    return first


async def _begin(session: AsyncSession, row: AlertNotification, now: datetime, url: str) -> Delivery:
    if row.message is None:
        row.message = _stored(await _compose(session, row, now, url))
    message = Message(**row.message)
    if row.attempts and (over := await _over_since(session, row)):
        message = replace(message, title=f"{message.title}; over since {at(over, now)}")
    row.attempts += 1
    row.first_attempt_at = row.first_attempt_at or now
    row.next_attempt_at = now + LEASE
    started = insert(AlertAttempt).values(notification_id=row.id, attempt=row.attempts, started_at=now)
    await session.execute(started)
    await session.flush()
    return Delivery(
        id=row.id,
        kind=row.kind,
        channel=row.channel,
        severity=row.severity,
        created_at=row.created_at,
        attempt=row.attempts,
        message=message,
        findings=tuple({UUID(finding_id) for finding_id, _ in row.events}),
        rejections=row.rejections,
        delivered=frozenset(row.delivered),
    )


async def _over_since(session: AsyncSession, row: AlertNotification) -> datetime | None:
    """When the last of the findings closed that `row` announces as open; None while one is still open.

    A delayed alert may arrive after the one that says that its finding is over.
    """
    opened = [UUID(finding_id) for finding_id, event in row.events if event != "closed"]
    ends = select(AuditFinding.closed_at).where(AuditFinding.id == any_(literal(opened, ARRAY(Uuid))))
    closed_at = (await session.scalars(ends)).all()
    return max((end for end in closed_at if end), default=None) if all(closed_at) else None


async def _compose(session: AsyncSession, row: AlertNotification, now: datetime, url: str) -> Message:
    if row.kind == _DIGEST:
        return await digest.compose(session, row, now, url)
    return alert_message(str(row.id), await incidents_of_events(session, row.events), now, url)


def _stored(message: Message) -> dict[str, Any]:
    return asdict(message)
