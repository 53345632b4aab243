"""What is to be told: written in the very transaction that opens or closes a finding."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid, any_, insert, literal, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import muted_agents
from app.alerts.domain.incident import GROWS_INTO, gravest, kind_of
from app.alerts.settings import AlertSettings
from app.models import AlertNotification, AuditFinding


async def announce(
    session: AsyncSession,
    settings: AlertSettings,
    now: datetime,
    open_: Sequence[AuditFinding],
    closed: Sequence[AuditFinding],
) -> None:
    """Write what there is to tell of these findings, a message or two for each channel.

    Told is what opened, what is open still after the reminders' interval and not acknowledged, and the
    end of whatever was told, unless it grew into something worse; nothing of a muted agent. Of low severity
    it is told after the quiet hours.
    """
    channels = settings.channels.names
    if not channels:
        return
    muted = await muted_agents(session)
    present = {(each.rule, each.agent_id) for each in open_}
    over = [each for each in closed if (GROWS_INTO.get(each.rule), each.agent_id) not in present]
    news: list[tuple[AuditFinding, str]] = [
        *await _claim_open(session, settings, now, [each for each in open_ if each.agent_id not in muted]),
        *((each, "closed") for each in over if each.alerted_at and each.agent_id not in muted),
    ]
    quiet_until = settings.quiet_hours.end_after(now) if settings.quiet_hours else None
    waiting = [(each, event) for each, event in news if each.severity == "low"]
    at_once = [(each, event) for each, event in news if each.severity != "low"]
    for group, due in ((at_once, now), (waiting, quiet_until)) if quiet_until else ((news, now),):
        if group:
            await _write(session, channels, group, now, due)


async def _claim_open(
    session: AsyncSession, settings: AlertSettings, now: datetime, findings: Iterable[AuditFinding]
) -> list[tuple[AuditFinding, str]]:
    """Those of which it is time to tell. Another audit at the same time gets none of them."""
    known = {finding.id: finding for finding in findings}
    before = now - settings.reminder_interval
    told_before = {finding_id for finding_id, finding in known.items() if finding.alerted_at}
    claim = (
        update(AuditFinding)
        .where(
            AuditFinding.id == any_(literal(list(known), ARRAY(Uuid))),
            AuditFinding.closed_at.is_(None),
            AuditFinding.acknowledged_at.is_(None),
            or_(AuditFinding.alerted_at.is_(None), AuditFinding.alerted_at <= before),
        )
        .values(alerted_at=now)
        .returning(AuditFinding.id)
        .execution_options(synchronize_session=False)
    )
    claimed: Iterable[UUID] = await session.scalars(claim) if known else ()
    return [(known[each], "reminder" if each in told_before else "opened") for each in claimed]


async def _write(
    session: AsyncSession,
    channels: Iterable[str],
    news: Sequence[tuple[AuditFinding, str]],
    now: datetime,
    due: datetime,
) -> None:
    rows = [
        {
            "id": uuid4(),
            "kind": kind_of(event for _, event in news),
            "channel": channel,
            "severity": gravest(finding.severity for finding, _ in news),
            "events": [[str(finding.id), event] for finding, event in news],
            "created_at": now,
            "next_attempt_at": due,
        }
        for channel in channels
    ]
    await session.execute(insert(AlertNotification), rows)
