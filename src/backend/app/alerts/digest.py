"""The daily digest: written once a day for each channel, composed when it goes out."""

from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts.domain.calibration import LATEST_DIGEST
from app.alerts.domain.digest import Digest, digest_message
from app.alerts.domain.message import Message
from app.alerts.incidents import incidents_of
from app.alerts.settings import AlertSettings
from app.audit.findings import opened_count
from app.dashboard.insights import metrics
from app.kit.sql import database_now
from app.models import AgentRunLog, AlertNotification, AuditFinding

_DAY = timedelta(days=1)


async def write_digests(session: AsyncSession, settings: AlertSettings) -> None:
    """Write the digest that is due for each channel, unless it exists or is later than `LATEST_DIGEST`."""
    if not settings.digest:
        return
    now = await database_now(session)
    due = settings.digest.last_before(now)
    if now - due > LATEST_DIGEST:
        return
    for channel in settings.channels.names:
        # The id is that of the channel's digest of the day, so a concurrent process writes nothing.
        row = insert(AlertNotification).values(
            id=uuid5(NAMESPACE_URL, f"runlog:digest:{channel}:{due.isoformat()}"),
            kind="digest",
            channel=channel,
            created_at=now,
            next_attempt_at=now,
        )
        await session.execute(row.on_conflict_do_nothing(index_elements=[AlertNotification.id]))


async def compose(session: AsyncSession, row: AlertNotification, now: datetime, url: str) -> Message:
    """The digest's message, on everything since the channel's digest before, or since a day ago.

    1. Read the findings that are open, those that closed since, and how many opened since.
    2. Count the runs since by status.
    3. Read the quality of the last two weeks, as the dashboard shows it.
    """
    before = await session.scalar(
        select(func.max(AlertNotification.created_at)).where(
            AlertNotification.channel == row.channel,
            AlertNotification.kind == row.kind,
            AlertNotification.created_at < row.created_at,
        )
    )
    since = before or row.created_at - _DAY
    open_ = (await session.scalars(select(AuditFinding).where(AuditFinding.closed_at.is_(None)))).all()
    closed = (await session.scalars(select(AuditFinding).where(AuditFinding.closed_at > since))).all()
    runs = await session.execute(
        select(AgentRunLog.status, func.count().label("runs"))
        .where(AgentRunLog.created_at > since)
        .group_by(AgentRunLog.status)
    )
    figures = await metrics(session)
    digest = Digest(
        since=since,
        now=now,
        open=await incidents_of(session, open_, {}),
        opened=await opened_count(session, since, now),
        closed=await incidents_of(session, closed, {each.id: {"closed"} for each in closed}),
        runs={row.status: row.runs for row in runs},
        quality_7d=figures.quality_7d.mean,
        quality_previous_7d=figures.quality_previous_7d.mean,
    )
    return digest_message(str(row.id), digest, url)
