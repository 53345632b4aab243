"""What an agent's newest runs show, kept by the process until its runs or its declaration change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cache import AgentCache, last_changes
from app.audit.cadence import Outage, Outages
from app.audit.cadences import Declared, Learned, learned_of
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.history import ReportedRun
from app.audit.histories import declared_schedule, newest_runs
from app.audit.known_outages import KnownOutages
from app.models import Agent

MOST_KEPT = 5_000
"""Agents beside those that were read last, of 10 kilobytes each: what scripts read page by page stays."""


@dataclass(frozen=True)
class RecentPast:
    """An agent's newest `HISTORY_DEPTH` runs, newest first, and how it has reported by these.

    Apart from the `outages` that are over, and learned only where it is asked for.
    """

    runs: tuple[ReportedRun, ...] = ()
    declared: Declared | None = None
    outages: Outages = field(default_factory=Outages)

    @cached_property
    def habit(self) -> Learned:
        """Its cadence, whatever is declared; or the error of learning it."""
        return learned_of(self._reports, None, self.outages)

    @cached_property
    def learned(self) -> Learned:
        """How late it comes by its schedule, or without one its cadence; or the error of learning that."""
        return learned_of(self._reports, self.declared, self.outages) if self.declared else self.habit

    @property
    def _reports(self) -> list[datetime]:
        return [run.created_at for run in reversed(self.runs)]


# The last change, what is declared, and when the agent was excused.
_Key = tuple[datetime, int | None, Declared | None, tuple[Outage, ...]]
_cache: AgentCache[_Key, RecentPast] = AgentCache(MOST_KEPT)


async def recent_pasts(
    session: AsyncSession, agent_ids: Sequence[str], declared: Mapping[str, Agent], outages: KnownOutages
) -> dict[str, RecentPast]:
    """The recent past of those of the agents that have dated runs; only the newest has its summary."""
    keys: dict[str, _Key] = {
        agent_id: (
            *change,
            declared_schedule(declared.get(agent_id)),
            tuple(outages.excused.get(agent_id, ())),
        )
        for agent_id, change in (await last_changes(session, agent_ids)).items()
    }

    async def read(due: Sequence[str]) -> dict[str, RecentPast]:
        found = await full_pasts(session, due, declared, outages)
        return {
            agent_id: replace(past, runs=_without_summaries(past.runs)) for agent_id, past in found.items()
        }

    return await _cache.read(session, keys, read, outages.over)


async def full_pasts(
    session: AsyncSession, agent_ids: Sequence[str], declared: Mapping[str, Agent], outages: KnownOutages
) -> dict[str, RecentPast]:
    """As `recent_pasts`, read now, and with the summary of each run."""
    return {
        agent_id: RecentPast(
            runs,
            declared_schedule(declared.get(agent_id)),
            outages.over.joined(*outages.excused.get(agent_id, ())),
        )
        for agent_id, runs in (await newest_runs(session, agent_ids, HISTORY_DEPTH)).items()
    }


def _without_summaries(runs: Sequence[ReportedRun]) -> tuple[ReportedRun, ...]:
    return (*runs[:1], *(run._replace(summary=None) for run in runs[1:]))
