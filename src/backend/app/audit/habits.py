"""How agents' runs go, read from the log: which say nothing, and which fail."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cache import AgentCache, LastChange, last_changes
from app.audit.domain.habit import Habits
from app.audit.domain.history import ReportedRun
from app.kit.sql import WELL_DATED, newest_of_agent, wanted_agents
from app.models import AgentRunLog
from app.runs.silence import LONGEST_QUIET, says_nothing

_cache: AgentCache[LastChange, Habits] = AgentCache()


def short_actions() -> ColumnElement[Any]:
    """What a run did, where its summary is so short that it may tell of nothing; else NULL."""
    summary = AgentRunLog.action_summary
    may_be_quiet = func.char_length(func.btrim(summary)) <= LONGEST_QUIET
    return case((may_be_quiet, AgentRunLog.actions_taken)).label("short_actions")


def tells_nothing(silence_count: int, actions: Any) -> bool:
    """Whether a run says nothing, by its count and its `short_actions`."""
    return silence_count > 0 or (isinstance(actions, Mapping) and says_nothing(actions))


async def known_habits(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Habits]:
    """How the runs of each of the agents go. Only these agents stay in the cache."""
    if not agent_ids:
        return {}
    keys = await last_changes(session, agent_ids)
    return await _cache.read(session, keys, lambda due: _learn(session, due))


async def _learn(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Habits]:
    wanted = wanted_agents(agent_ids)
    columns = (
        AgentRunLog.created_at,
        AgentRunLog.status,
        AgentRunLog.consecutive_silence_count,
        short_actions(),
    )
    newest = newest_of_agent(columns, wanted.c.agent_id, calibration.HABIT_DEPTH, WELL_DATED).lateral()
    rows = await session.execute(select(wanted, newest).join(newest, true()))
    runs: dict[str, list[ReportedRun]] = {}
    for agent_id, created_at, status, count, actions in rows:
        nothing = tells_nothing(count, actions)
        runs.setdefault(agent_id, []).append(ReportedRun("", status, created_at, says_nothing=nothing))
    return {
        agent_id: Habits.of(sorted(found, key=attrgetter("created_at"))) for agent_id, found in runs.items()
    }
