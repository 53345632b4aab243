"""How agents' runs go, read from the log: which are silent, and which fail."""

from collections.abc import Sequence
from operator import attrgetter

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cache import AgentCache, LastChange, last_changes
from app.audit.domain.habit import Habits
from app.audit.domain.history import ReportedRun
from app.kit.sql import IS_SILENT, WELL_DATED, newest_of_agent, wanted_agents
from app.models import AgentRunLog

_cache: AgentCache[LastChange, Habits] = AgentCache()


async def known_habits(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Habits]:
    """How the runs of each of the agents go."""
    if not agent_ids:
        return {}
    keys = await last_changes(session, agent_ids)
    return await _cache.read(session, keys, lambda due: _learn(session, due))


async def _learn(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Habits]:
    wanted = wanted_agents(agent_ids)
    columns = (AgentRunLog.created_at, AgentRunLog.status, IS_SILENT.label("silent"))
    newest = newest_of_agent(columns, wanted.c.agent_id, calibration.HABIT_DEPTH, WELL_DATED).lateral()
    rows = await session.execute(select(wanted, newest).join(newest, true()))
    runs: dict[str, list[ReportedRun]] = {}
    for agent_id, created_at, status, silent in rows:
        runs.setdefault(agent_id, []).append(ReportedRun("", status, created_at, silent=silent))
    return {
        agent_id: Habits.of(sorted(found, key=attrgetter("created_at"))) for agent_id, found in runs.items()
    }
