"""Which agents may be ones that stopped, under another name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.evaluation import Verdict
from app.audit.domain.liveness import StoppedReporting
from app.audit.domain.renaming import name_successor, similar_names
from app.audit.outlook import reporting_agents
from app.kit.sql import WELL_DATED, of_agent, wanted_agents
from app.models import AgentRunLog


async def with_successors(
    session: AsyncSession, now: datetime, verdicts: Sequence[Verdict]
) -> Sequence[Verdict]:
    """The verdicts, whose findings of agents that stopped name the one that may have taken over."""
    stopped = [
        finding.agent_id
        for verdict in verdicts
        for finding in verdict.findings
        if finding.rule == StoppedReporting.name
    ]
    if not stopped:
        return verdicts
    similar = similar_names(stopped, await reporting_agents(session))
    first = await _first_reports(session, sorted({name for names in similar.values() for name in names}))
    named = []
    for verdict in verdicts:
        findings = [
            name_successor(
                finding, {name: first[name] for name in similar[finding.agent_id] if name in first}, now
            )
            if finding.rule == StoppedReporting.name and finding.agent_id in similar
            else finding
            for finding in verdict.findings
        ]
        named.append(replace(verdict, findings=tuple(findings)))
    return named


async def _first_reports(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, datetime]:
    if not agent_ids:
        return {}
    wanted, created_at = wanted_agents(agent_ids), AgentRunLog.created_at
    first = (
        select(created_at)
        .where(of_agent(wanted.c.agent_id), WELL_DATED)
        .order_by(AgentRunLog.agent_id.desc(), created_at)
        .limit(1)
        .correlate(wanted)
        .lateral()
    )
    rows = await session.execute(select(wanted.c.agent_id, first.c.created_at).join(first, true()))
    return {agent_id: began for agent_id, began in rows if began is not None}
