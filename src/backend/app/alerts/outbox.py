"""The outbox of alerts: notifications are written in the transaction that opens or closes their findings."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid, any_, insert, literal, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import muted_agents
from app.alerts.domain.incident import GROWS_INTO, URGENT, gravest, kind_of
from app.alerts.settings import AlertSettings
from app.audit.domain.missing import is_joined
from app.models import AlertNotification, AuditFinding


async def announce(
    session: AsyncSession,
    settings: AlertSettings,
    now: datetime,
    open_: Sequence[AuditFinding],
    closed: Sequence[AuditFinding],
) -> None:
    """Write the notifications that are due about these findings, one or two for each channel.

    1. Leave out muted agents, but for what is urgent.
    2. Claim the open findings that no alert was about, and those that need a reminder: not acknowledged, and
       announced longer ago than the reminders' interval.
    3. Add the closed findings that were announced, unless they grew into something worse that is open now, or
       into one of several agents.
    4. In quiet hours, those of low severity wait for their end; all else is due at once.
    """
    channels = settings.channels.names
    if not channels:
        return
    muted = await muted_agents(session)
    present = {(each.rule, each.agent_id) for each in open_}
    over = [
        each
        for each in closed
        if (GROWS_INTO.get(each.rule), each.agent_id) not in present
        and not is_joined(each.rule, each.closing_evidence)
    ]
    audible, over = (
        [each for each in findings if each.severity == URGENT or each.agent_id not in muted]
        for findings in (open_, over)
    )
    events: list[tuple[AuditFinding, str]] = [
        *await _claim_open(session, settings, now, audible),
        *((each, "closed") for each in over if each.alerted_at),
    ]
    quiet_until = settings.quiet_hours.end_after(now) if settings.quiet_hours else None
    waiting = [(each, event) for each, event in events if each.severity == "low"]
    at_once = [(each, event) for each, event in events if each.severity != "low"]
    for group, due in ((at_once, now), (waiting, quiet_until)) if quiet_until else ((events, now),):
        if group:
            await _write(session, channels, group, now, due)


async def _claim_open(
    session: AsyncSession, settings: AlertSettings, now: datetime, findings: Iterable[AuditFinding]
) -> list[tuple[AuditFinding, str]]:
    """Those to announce or remind of now. A concurrent audit gets none of them."""
    known = {finding.id: finding for finding in findings}
    before = now - settings.reminder_interval
    announced = {finding_id for finding_id, finding in known.items() if finding.alerted_at}
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
    return [(known[each], "reminder" if each in announced else "opened") for each in claimed]


async def _write(
    session: AsyncSession,
    channels: Iterable[str],
    events: Sequence[tuple[AuditFinding, str]],
    now: datetime,
    due: datetime,
) -> None:
    rows = [
        {
            "id": uuid4(),
            "kind": kind_of(event for _, event in events),
            "channel": channel,
            "severity": gravest(finding.severity for finding, _ in events),
            "events": [[str(finding.id), event] for finding, event in events],
            "created_at": now,
            "next_attempt_at": due,
        }
        for channel in channels
    ]
    await session.execute(insert(AlertNotification), rows)
