"""What an agent's page shows and is costly to compute: kept until something of it has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import agent_versions, require_known
from app.agents.status import AgentStatus, agent_status
from app.config import get_settings
from app.db.replica import reading
from app.errors import NotFoundError
from app.kit.loop_local import LoopLocal
from app.kit.snapshot import Snapshot
from app.logs import get_logger
from app.quality.trends import DAYS, QualityReport, agent_quality
from app.runs.window_sums import agent_scores_in
from app.wiring import audit_settings

MAX_AGE_SECONDS = 60.0
"""Of facts of which only the time has changed: as long as the Auditor's cycles lie apart by default."""

SHARE = 0.1
"""Of a processor that computing them takes at most, while pages stay open."""

MOST_KEPT = 2_000
"""Agents, each of about 20 kilobytes."""

Version = tuple[tuple[datetime | None, ...], Decimal | None, Decimal | None]
"""The moments of `agent_versions`, and the sum and number of its scores."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """How an agent is doing, by all of its past, and the trends of its scores."""

    status: AgentStatus
    quality: QualityReport


async def version_of_agent(session: AsyncSession, agent_id: str, now: datetime) -> Version:
    """What differs once something of the agent has changed. Raises `NotFoundError`."""
    moments = (await agent_versions(session, [agent_id]))[agent_id]
    if not any(moments):
        await require_known(session, agent_id)
    scores = agent_scores_in(agent_id, now - timedelta(days=2 * DAYS + 1))
    total, scored = (await session.execute(scores)).one()
    return moments, total, scored


async def facts_of_agent(agent_id: str, version: Version) -> AgentFacts:
    """The agent's facts of this version, at most a few minutes old. Raises `NotFoundError`."""
    found = await _facts.get().get({agent_id: version}, exactly=True)
    if agent_id in found:
        return found[agent_id]
    async with reading() as (session, _):
        return await _read(session, agent_id)


async def _read(session: AsyncSession, agent_id: str) -> AgentFacts:
    status = await agent_status(session, audit_settings(get_settings()), agent_id)
    return AgentFacts(status, await agent_quality(session, agent_id))


async def _compute(agent_ids: Sequence[str]) -> dict[str, AgentFacts]:
    found = {}
    try:
        async with reading() as (session, _):
            for agent_id in agent_ids:
                found[agent_id] = await _read(session, agent_id)
    except (DBAPIError, PoolTimeoutError, OSError, NotFoundError) as error:
        log.warning("agent_facts_not_computed", error=str(error) or type(error).__name__)
    return found


def _new_snapshot() -> Snapshot[str, Version, AgentFacts]:
    return Snapshot(_compute, max_age=MAX_AGE_SECONDS, share=SHARE, most=MOST_KEPT)


_facts = LoopLocal(_new_snapshot, Snapshot.close)
