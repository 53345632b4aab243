"""Which runs are under way, and how long agents' runs took, read from beside the log."""

from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.domain.running import RunStart
from app.audit.domain.usage import Amount
from app.kit.sql import newest_of_agent, wanted_agents, well_dated
from app.models import AgentRunDuration, AgentRunStart, AgentRunUsage
from app.runs.starts import is_under_way

Starts = dict[str, tuple[RunStart, ...]]
"""The runs under way of each agent that has any."""


async def known_starts(session: AsyncSession, agent_ids: Sequence[str] | None = None) -> Starts:
    """The runs under way of all agents, or of `agent_ids`."""
    began_at = func.least(AgentRunStart.started_at, AgentRunStart.received_at)
    columns = AgentRunStart.agent_id, AgentRunStart.run_key, began_at, AgentRunStart.received_at
    statement = select(*columns).where(is_under_way())
    if agent_ids is not None:
        wanted = wanted_agents(agent_ids)
        statement = statement.join(wanted, wanted.c.agent_id == AgentRunStart.agent_id)
    found: dict[str, list[RunStart]] = defaultdict(list)
    for agent_id, run_key, began, received in await session.execute(statement):
        found[agent_id].append(RunStart(run_key or None, began, received))
    return {agent_id: tuple(starts) for agent_id, starts in found.items()}


async def known_durations(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, tuple[Amount, ...]]:
    """How many seconds the newest runs of each of the agents took, newest first.

    That is what passed from the start of a run until it was recorded, or what it took by its own report;
    where both are known, the longer one. Once enough runs are known by their starts, these alone count.
    """
    if not agent_ids:
        return {}
    by_start = await _durations(session, agent_ids, AgentRunDuration)
    few = [each for each in agent_ids if len(by_start.get(each, ())) < calibration.LEAST_USAGE]
    by_report = await _durations(session, few, AgentRunUsage) if few else {}
    known = {
        agent_id: _longer(by_start.get(agent_id, {}), by_report.get(agent_id, {})) for agent_id in agent_ids
    }
    return {agent_id: amounts for agent_id, amounts in known.items() if amounts}


_ByRun = dict[UUID, Amount]


async def _durations(
    session: AsyncSession, agent_ids: Sequence[str], run: type[AgentRunDuration] | type[AgentRunUsage]
) -> dict[str, _ByRun]:
    wanted = wanted_agents(agent_ids)
    newest = newest_of_agent(
        (run.run_id, run.created_at, run.seconds),
        wanted.c.agent_id,
        calibration.HABIT_DEPTH,
        well_dated(run.created_at),
        run.seconds.is_not(None),
        run=run,
    ).lateral()
    found: dict[str, _ByRun] = defaultdict(dict)
    for agent_id, run_id, moment, seconds in await session.execute(
        select(wanted, newest).join(newest, true())
    ):
        found[agent_id][run_id] = Amount(moment, seconds)
    return found


def _longer(by_start: _ByRun, by_report: _ByRun) -> tuple[Amount, ...]:
    both = [
        max((each[run_id] for each in (by_start, by_report) if run_id in each), key=attrgetter("amount"))
        for run_id in by_start.keys() | by_report.keys()
    ]
    newest_first = sorted(both, key=attrgetter("created_at"), reverse=True)
    return tuple(newest_first[: calibration.HABIT_DEPTH])
