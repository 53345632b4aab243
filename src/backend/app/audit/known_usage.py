"""What agents' runs took, read from beside the log."""

from collections.abc import Sequence
from operator import attrgetter

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.domain.usage import PastUsage, UsedRun
from app.kit.sql import newest_of_agent, wanted_agents, well_dated
from app.models import AgentRunUsage
from app.runs.usage import Usage


async def known_usage(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, PastUsage]:
    """What the newest runs of each of the agents took, of those of which any says it."""
    if not agent_ids:
        return {}
    wanted, created_at = wanted_agents(agent_ids), AgentRunUsage.created_at
    columns = (created_at, AgentRunUsage.seconds, AgentRunUsage.tokens, AgentRunUsage.cost_usd)
    newest = newest_of_agent(
        columns, wanted.c.agent_id, calibration.HABIT_DEPTH, well_dated(created_at), run=AgentRunUsage
    ).lateral()
    rows = await session.execute(select(wanted, newest).join(newest, true()))
    runs: dict[str, list[UsedRun]] = {}
    for agent_id, moment, *usage in rows:
        runs.setdefault(agent_id, []).append(UsedRun(moment, Usage(*usage)))
    in_order = attrgetter("created_at")
    return {agent_id: PastUsage.of(sorted(found, key=in_order)) for agent_id, found in runs.items()}
