"""Times in which hardly any agent reported: how they are found, and those that were."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from sqlalchemy import DateTime, Select, bindparam, func, literal, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cadence import Outage, present_outage
from app.audit.domain.fleet import FLEET_SILENT
from app.kit.times import moment_in
from app.models import AuditFinding

_SAMPLE = 300
_LOOK_BACK = timedelta(hours=3)
_WEEKS = 5

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


async def fleet_silence(
    session: AsyncSession, now: datetime, agent_ids: Collection[str], *, known: bool = False
) -> Outage | None:
    """The time up to now in which hardly any of the agents reported; None while they do as usual.

    They are held, a sample of a large fleet, against the same hours of the four weeks before. One that is
    `known` is not over while nobody reports at all, be it at an hour at which few ever do.
    """
    sample = sorted(agent_ids, key=lambda agent_id: (crc32(agent_id.encode()), agent_id))[:_SAMPLE]
    reports: dict[str, list[float]] = defaultdict(list)
    moments = {"agent_ids": sample, "weeks": _WEEKS, "since": now - _LOOK_BACK, "now": now}
    for agent_id, reported_at in await session.execute(_REPORTS, moments):
        reports[agent_id].append(reported_at.timestamp())
    for times in reports.values():
        times.sort()
    since = (now - _LOOK_BACK).timestamp()
    nobody = bool(sample) and all(times[-1] <= since for times in reports.values())
    lasting = Outage(since, now.timestamp()) if known and nobody else None
    return present_outage(reports, now.timestamp()) or lasting


def silences(now: datetime, since: datetime) -> Select[Any]:
    """What was found that was not over at `since`: the evidence, when it opened, when it was over."""
    over = func.coalesce(AuditFinding.closed_at, literal(now, DateTime(timezone=True)))
    return select(AuditFinding.evidence, AuditFinding.opened_at, over.label("over")).where(
        # In the words of its index, whose condition is of no use to a parameter.
        AuditFinding.rule == literal_column(f"'{FLEET_SILENT}'"),
        over > since,
    )


async def past_silences(session: AsyncSession, now: datetime, since: datetime) -> list[Outage]:
    """The times that were found: each from when it began until it was over, or until now."""
    return [
        Outage((moment_in(evidence, "since") or opened_at).timestamp(), over.timestamp())
        for evidence, opened_at, over in await session.execute(silences(now, since))
    ]
