"""The proofs of findings' alerts, from the notifications that are about them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts.domain.proof import Proof, Sending, Subject, Try, prove
from app.models import AlertAttempt, AlertNotification, AuditFinding

# For each finding its notifications by the index on events, so that the cost follows theirs alone.
# Strictly: else the path would look for the id in each event's own parts.
ABOUT = (
    text("""
SELECT finding.id AS finding_id, notification.id AS notification_id,
    jsonb_path_query_array(
        notification.events, 'strict $[*] ? (@[0] == $id)[1]',
        jsonb_build_object('id', CAST(finding.id AS text))
    ) AS events
FROM unnest(CAST(:finding_ids AS uuid[])) AS finding (id)
JOIN alert_notification AS notification
    ON notification.events @> jsonb_build_array(jsonb_build_array(CAST(finding.id AS text)))
""")
    .bindparams(bindparam("finding_ids", type_=ARRAY(Uuid)))
    .columns(events=JSONB)
)
_SENDING = (
    AlertNotification.id,
    AlertNotification.channel,
    AlertNotification.state,
    AlertNotification.created_at,
    AlertNotification.next_attempt_at,
    AlertNotification.sent_at,
)


async def proofs_of(
    session: AsyncSession,
    findings: Sequence[AuditFinding],
    *,
    channels: Collection[str],
    muted: Collection[str],
    now: datetime,
) -> dict[UUID, Proof]:
    """The proof of each of `findings`; `channels` are those that are set, `muted` the agents that are."""
    about = (await session.execute(ABOUT, {"finding_ids": [each.id for each in findings]})).all()
    ids = list({row.notification_id for row in about})
    of_these = AlertNotification.id == any_(literal(ids, ARRAY(Uuid)))
    notifications = {row.id: row for row in await session.execute(select(*_SENDING).where(of_these))}
    tries = await _tries(session, ids)
    sendings: dict[UUID, list[Sending]] = defaultdict(list)
    for row in about:
        if found := notifications.get(row.notification_id):
            sendings[row.finding_id].append(_sending(found, row.events, tries[row.notification_id]))
    return {each.id: prove(_subject(each, muted), sendings[each.id], channels, now) for each in findings}


async def _tries(session: AsyncSession, notification_ids: Sequence[UUID]) -> dict[UUID, list[Try]]:
    of_these = AlertAttempt.notification_id == any_(literal(list(notification_ids), ARRAY(Uuid)))
    tries: dict[UUID, list[Try]] = defaultdict(list)
    for each in await session.scalars(select(AlertAttempt).where(of_these).order_by(AlertAttempt.attempt)):
        tries[each.notification_id].append(
            Try(each.attempt, each.started_at, each.ok, each.outcome, each.seconds)
        )
    return tries


def _sending(row: Row[*tuple[Any, ...]], events: list[str], tries: list[Try]) -> Sending:
    return Sending(
        channel=row.channel,
        events=frozenset(events),
        state=row.state,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        sent_at=row.sent_at,
        tries=tries,
    )


def _subject(finding: AuditFinding, muted: Collection[str]) -> Subject:
    return Subject(
        opened_at=finding.opened_at,
        closed_at=finding.closed_at,
        acknowledged_at=finding.acknowledged_at,
        alerted_at=finding.alerted_at,
        notified_at=finding.notified_at,
        muted=finding.agent_id in muted,
    )
