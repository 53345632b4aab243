"""Who reported a run, and when it ran by their words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AgentRunReport

_OF_RUN = (
    select(
        AgentRunReport.source,
        AgentRunReport.status,
        cast(AgentRunReport.actions_taken, Text).label("actions_taken"),
        AgentRunReport.started_at,
        AgentRunReport.finished_at,
        AgentRunReport.received_at,
    )
    .where(AgentRunReport.run_id == bindparam("run_id"))
    .order_by(AgentRunReport.received_at, AgentRunReport.source)
)


class RunTimes(NamedTuple):
    """When a run began and ended, by the sources that say so; None where none does."""

    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None also where clocks disagree on which came first."""
        if self.started_at is None or self.finished_at is None or self.finished_at < self.started_at:
            return None
        return (self.finished_at - self.started_at).total_seconds()


async def sources_of_run(session: AsyncSession, run_id: UUID) -> dict[str, Any]:
    """`started_at`, `finished_at` and `sources`, each source's report, of a run; JSON-ready.

    A report without `actions_taken` is the run as it stands in the log. `sources` is empty of one that its
    agent alone reported, without times.
    """
    rows = await session.execute(_OF_RUN, {"run_id": run_id})
    sources = [dict(row._mapping) for row in rows]
    for each in sources:
        if each["actions_taken"] is not None:
            each["actions_taken"] = msgspec.Raw(each["actions_taken"].encode())
    times = RunTimes(
        min((each["started_at"] for each in sources if each["started_at"]), default=None),
        max((each["finished_at"] for each in sources if each["finished_at"]), default=None),
    )
    return {**times._asdict(), "sources": sources}


_TIMES = (
    select(AgentRunReport.run_id, func.min(AgentRunReport.started_at), func.max(AgentRunReport.finished_at))
    .where(AgentRunReport.run_id == any_(bindparam("run_ids", type_=ARRAY(Uuid))))
    .group_by(AgentRunReport.run_id)
)


async def times_of_runs(session: AsyncSession, run_ids: Sequence[UUID]) -> Mapping[UUID, RunTimes]:
    """When those of the runs were of which a source says it."""
    rows = await session.execute(_TIMES, {"run_ids": list(run_ids)})
    return {run_id: RunTimes(*times) for run_id, *times in rows}
