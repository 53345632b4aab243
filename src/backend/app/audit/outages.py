"""Times in which agents could not report: those that are known, and the one that lasts now."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import DateTime, Select, bindparam, func, literal, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cadence import Outage, Outages, present_outage, some_go_on
from app.audit.cadences import PAST
from app.audit.domain.fleet import FLEET_SILENT, OTHERS_GO_ON
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
    """The time up to now in which hardly any agent reported, if any; or whether it is none, as some go on."""

    outage: Outage | None = None
    others_go_on: bool = False


class KnownOutages(NamedTuple):
    """The times in which agents could not report lately: those that are over, and all, with one that lasts.

    Of the one that lasts nothing can be learned yet.
    """

    over: Outages
    all: Outages


async def known_outages(session: AsyncSession, now: datetime, interval: timedelta) -> KnownOutages:
    """The outages of the days that cadences are learned from. `interval` lies between two audits."""
    found = [*await _own_outages(session, now, interval), *await _past_silences(session, now, now - PAST)]
    return KnownOutages(Outages(outage for outage in found if outage.end < now.timestamp()), Outages(found))


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
    session: AsyncSession, now: datetime, agent_ids: Collection[str], *, known: bool = False
) -> FleetSilence:
    """The time up to now in which hardly any of the agents reported; none while they do as usual.

    The reports of the agents, a sample of a large fleet, are compared with the same hours of the four weeks
    before. A silence that is `known` is not over while no agent reports at all, be it at an hour at which few
    ever do.
    """
    sample = sorted(agent_ids, key=lambda agent_id: (crc32(agent_id.encode()), agent_id))[
        : calibration.FLEET_SAMPLE
    ]
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
    return FleetSilence(outage, others_go_on=outage is None and some_go_on(reports, whole))


def silences(now: datetime, since: datetime) -> Select[datetime, datetime]:
    """What was found that was not over at `since`: when it began, and when it was over or `now`."""
    began = func.coalesce(AuditFinding.began_at, AuditFinding.opened_at)
    over = func.coalesce(AuditFinding.closed_at, literal(now, DateTime(timezone=True)))
    return select(began.label("began"), over.label("over")).where(
        # As the condition of the index has it: with a parameter the planner could not use the index.
        AuditFinding.rule == literal_column(f"'{FLEET_SILENT}'"),
        over > since,
        AuditFinding.closing_evidence["reason"].astext.is_distinct_from(OTHERS_GO_ON["reason"]),
    )


async def _past_silences(session: AsyncSession, now: datetime, since: datetime) -> list[Outage]:
    """The times that were found: each from when it began until it was over, or until now."""
    rows = await session.execute(silences(now, since))
    return [Outage(began.timestamp(), over.timestamp()) for began, over in rows]
