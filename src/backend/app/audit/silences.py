"""Which runs say nothing, read from the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cache import AgentCache, Entry, stale
from app.audit.domain.silence import SilenceHabit
from app.kit.sql import WELL_DATED, newest_of_agent, wanted_agents
from app.models import AgentRunLog, AgentRunState
from app.runs.silence import LONGEST_QUIET, says_nothing

# When the newest run was created, and the last transaction besides the writer's that changed the runs.
_CacheKey = tuple[datetime, int | None]
_cache: AgentCache[_CacheKey, SilenceHabit] = AgentCache()


def short_actions() -> ColumnElement[Any]:
    """What a run did, where its summary is so short that it may tell of nothing; else NULL."""
    summary = AgentRunLog.action_summary
    may_be_quiet = func.char_length(func.btrim(summary)) <= LONGEST_QUIET
    return case((may_be_quiet, AgentRunLog.actions_taken)).label("short_actions")


def tells_nothing(silence_count: int, actions: Any) -> bool:
    """Whether a run says nothing, by its count and its `short_actions`."""
    return silence_count > 0 or (isinstance(actions, Mapping) and says_nothing(actions))


async def silence_habits(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, SilenceHabit]:
    """How often each of the agents says nothing. Only these agents stay in the cache."""
    if not agent_ids:
        return {}
    # Read before anything is learned: what changes meanwhile is learned again next time.
    keys = await _cache_keys(session, agent_ids)
    entries = _cache.entries(session)
    unknown = stale(entries, keys)
    learned = await _learn(session, unknown) if unknown else {}
    habits = {agent_id: entries[agent_id].value for agent_id in keys.keys() - set(unknown)} | learned
    _cache.store(session, {agent_id: Entry(keys[agent_id], habit) for agent_id, habit in habits.items()})
    return habits


async def _cache_keys(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, _CacheKey]:
    wanted = wanted_agents(agent_ids)
    newest = newest_of_agent([AgentRunLog.created_at], wanted.c.agent_id, 1, WELL_DATED)
    latest = newest.correlate(wanted).lateral()
    statement = (
        select(wanted.c.agent_id, latest.c.created_at, AgentRunState.changed_in)
        .select_from(wanted)
        .join(latest, true())
        .outerjoin(AgentRunState, AgentRunState.agent_id == wanted.c.agent_id)
    )
    rows = await session.execute(statement)
    return {agent_id: (newest_at, changed_in) for agent_id, newest_at, changed_in in rows}


async def _learn(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, SilenceHabit]:
    wanted = wanted_agents(agent_ids)
    columns = (AgentRunLog.created_at, AgentRunLog.consecutive_silence_count, short_actions())
    newest = newest_of_agent(columns, wanted.c.agent_id, calibration.SILENCE_DEPTH, WELL_DATED).lateral()
    rows = await session.execute(select(wanted, newest).join(newest, true()))
    flags: dict[str, list[tuple[datetime, bool]]] = {}
    for agent_id, created_at, count, actions in rows:
        flags.setdefault(agent_id, []).append((created_at, tells_nothing(count, actions)))
    return {
        agent_id: SilenceHabit.of(silent for _, silent in sorted(found, key=lambda flag: flag[0]))
        for agent_id, found in flags.items()
    }
