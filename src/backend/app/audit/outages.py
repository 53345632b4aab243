"""Times in which agents could not report: those that are known, and the one that lasts now."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import DateTime, Select, bindparam, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cadence import Attendance, Outage, Outages, attendance, present_outage, some_go_on
from app.audit.cadences import PAST
from app.audit.domain.fleet import FLEET_SILENT, OTHERS_GO_ON, sampled
from app.audit.domain.missing import AGENTS_MISSING, MissingGroup
from app.audit.findings import of_rule
from app.audit.known_outages import KnownOutages
from app.audit.public_holidays import public_holidays
from app.audit.settings import AuditSettings
from app.models import AgentRunLog, AuditCycleRecord, AuditFinding
from app.models.agent_run_log import AUDITOR

_WEEKS = 5  # this one, and the four before it that `present_outage` compares

_REPORTS = text("""
SELECT wanted.agent_id, run.created_at
FROM unnest(CAST(:agent_ids AS text[])) AS wanted (agent_id)
CROSS JOIN generate_series(0, :weeks - 1) AS week
CROSS JOIN LATERAL (
    SELECT created_at FROM agent_run_log AS run
    WHERE run.agent_id = ANY (ARRAY[wanted.agent_id])
        AND created_at > :since - week * interval '7 days' AND created_at <= :now - week * interval '7 days'
) AS run
""").bindparams(
    bindparam("now", type_=DateTime(timezone=True)), bindparam("since", type_=DateTime(timezone=True))
)


class FleetSilence(NamedTuple):
    """The time up to now in which hardly any agent reported, if any; or whether it is none, as some go on.

    `attendance` is that of the agents, a sample of a large fleet.
    """

    outage: Outage | None = None
    others_go_on: bool = False
    attendance: Attendance = Attendance()


async def known_outages(session: AsyncSession, now: datetime, settings: AuditSettings) -> KnownOutages:
    """The outages of the days that cadences are learned from."""
    found = [
        *await _own_outages(session, now, settings.interval),
        *await _past_silences(session, now, now - PAST),
    ]
    over = Outages(outage for outage in found if outage.end < now.timestamp())
    holidays = public_holidays(settings.countries, now - PAST, now + calibration.HOLIDAYS_AHEAD)
    unreachable = Outages([*found, await _restart(session)])
    return KnownOutages(over, Outages(found), await _excused(session, now - PAST), holidays, unreachable)


async def _restart(session: AsyncSession) -> Outage:
    """When the database was last away: up to its start."""
    started: datetime = (await session.execute(select(func.pg_postmaster_start_time()))).scalar_one()
    return Outage(started.timestamp() - 60, started.timestamp())


async def _own_outages(session: AsyncSession, now: datetime, interval: timedelta) -> list[Outage]:
    """When the product itself was out of order.

    The Auditor's cycles are its heartbeat. Where two of them are far apart and no agent reported in between,
    the product was down, or the clock jumped.
    """
    outage = max(calibration.OWN_OUTAGE, calibration.OWN_OUTAGE_CYCLES * interval)
    created_at, ended_at = AgentRunLog.created_at, AuditCycleRecord.ended_at
    following = func.lead(ended_at, 1, literal(now, DateTime(timezone=True))).over(order_by=ended_at)
    beats = (
        select(ended_at, (ended_at + 2 * interval).label("missed"), following.label("following"))
        .where(ended_at > now - PAST, ended_at <= now)
        .subquery()
    )
    # An agent may have reported after the last beat and before the outage, or before the next beat.
    of_agents = AgentRunLog.agent_id != AUDITOR
    before = select(func.max(created_at)).where(created_at < beats.c.missed, of_agents).scalar_subquery()
    after = select(func.min(created_at)).where(created_at >= beats.c.missed, of_agents).scalar_subquery()
    start, end = func.greatest(beats.c.ended_at, before), func.least(beats.c.following, after)
    statement = select(start, end).where(beats.c.following - beats.c.ended_at > outage, end - start > outage)
    found = await session.execute(statement)
    return [Outage(began.timestamp(), over.timestamp()) for began, over in found]


async def fleet_silence(
    session: AsyncSession,
    now: datetime,
    agent_ids: Collection[str],
    *,
    known: bool = False,
    stopped: Collection[str] = (),
) -> FleetSilence:
    """The time up to now in which hardly any of the agents reported; none while they do as usual.

    The reports of the agents, a sample of a large fleet, are compared with the same hours of the four weeks
    before. A silence that is `known` is not over while no agent reports at all, be it at an hour at which few
    ever do. Those that are known to have `stopped` are not missed among the others.
    """
    sample = sampled(agent_ids)
    reports: dict[str, list[float]] = defaultdict(list)
    moments = {"agent_ids": sample, "weeks": _WEEKS, "since": now - calibration.FLEET_LOOK_BACK, "now": now}
    for agent_id, reported_at in await session.execute(_REPORTS, moments):
        reports[agent_id].append(reported_at.timestamp())
    for times in reports.values():
        times.sort()
    since = (now - calibration.FLEET_LOOK_BACK).timestamp()
    no_report = bool(sample) and all(times[-1] <= since for times in reports.values())
    whole = Outage(since, now.timestamp())
    outage = present_outage(reports, now.timestamp()) or (whole if known and no_report else None)
    go_on = outage is None and some_go_on(reports, whole)
    others = {agent_id: times for agent_id, times in reports.items() if agent_id not in stopped}
    return FleetSilence(outage, others_go_on=go_on, attendance=attendance(others, now.timestamp()))


def silences(now: datetime, since: datetime) -> Select[datetime, datetime]:
    """What was found that was not over at `since`: when it began, and when it was over or `now`."""
    began = func.coalesce(AuditFinding.began_at, AuditFinding.opened_at)
    over = func.coalesce(AuditFinding.closed_at, literal(now, DateTime(timezone=True)))
    return select(began.label("began"), over.label("over")).where(
        of_rule(FLEET_SILENT),
        over > since,
        AuditFinding.closing_evidence["reason"].astext.is_distinct_from(OTHERS_GO_ON["reason"]),
    )


async def _past_silences(session: AsyncSession, now: datetime, since: datetime) -> list[Outage]:
    """The times that were found: each from when it began until it was over, or until now."""
    rows = await session.execute(silences(now, since))
    return [Outage(began.timestamp(), over.timestamp()) for began, over in rows]


async def _excused(session: AsyncSession, since: datetime) -> dict[str, list[Outage]]:
    """When agents were missing together with others, by agent: in groups that were not over at `since`."""
    statement = select(AuditFinding.agent_id, AuditFinding.evidence, AuditFinding.closed_at).where(
        of_rule(AGENTS_MISSING),
        or_(AuditFinding.closed_at.is_(None), AuditFinding.closed_at > since),
    )
    excused: dict[str, list[Outage]] = defaultdict(list)
    for first, evidence, closed_at in await session.execute(statement.order_by(AuditFinding.began_at)):
        group = MissingGroup.from_evidence(first, evidence)
        if group is None:
            continue
        for agent_id in group.members if closed_at else group.returned:
            ended = closed_at.timestamp() if closed_at else group.returned[agent_id]
            known = excused[agent_id]
            outage = group.excuse(agent_id, ended, known[-1] if known else None)
            known += [outage] if outage else []
    return excused
