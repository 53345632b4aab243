"""The log as a backtest reads it: in chunks, oldest first."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from sqlalchemy import String, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import Declaration
from app.kit.sql import IS_SILENT, database_now
from app.models import Agent, AgentRunLog, AgentRunUsage
from app.models.agent_run_log import AUDITOR
from app.runs.scores import overall_score
from app.runs.usage import Usage

_CHUNK = 10_000
_SUMMARY_LENGTH = 200


async def runs_since(session: AsyncSession, since: datetime) -> AsyncIterator[list[tuple[str, ReportedRun]]]:
    """Every agent's runs from `since` on, in order, some thousands at a time; not those of the Auditor."""
    now = await database_now(session)
    statement = (
        select(
            AgentRunLog.agent_id,
            cast(AgentRunLog.id, String),
            AgentRunLog.status,
            AgentRunLog.created_at,
            AgentRunLog.consecutive_silence_count,
            func.left(AgentRunLog.action_summary, _SUMMARY_LENGTH),
            AgentRunLog.id,
            AgentRunLog.rlhf_scores,
            IS_SILENT.label("silent"),
            AgentRunUsage.seconds,
            AgentRunUsage.tokens,
            AgentRunUsage.cost_usd,
        )
        .outerjoin(AgentRunUsage, AgentRunUsage.run_id == AgentRunLog.id)
        .where(AgentRunLog.created_at >= since, AgentRunLog.created_at <= now)
        .order_by(AgentRunLog.created_at, AgentRunLog.id)
        .limit(_CHUNK)
    )
    page = statement
    while rows := (await session.execute(page)).all():
        yield [
            (
                agent_id,
                ReportedRun(
                    run_id,
                    status,
                    at,
                    silence,
                    summary,
                    overall_score(scores),
                    silent,
                    Usage(*usage),
                ),
            )
            for agent_id, run_id, status, at, silence, summary, _, scores, silent, *usage in rows
            if agent_id != AUDITOR
        ]
        page = statement.where(
            tuple_(AgentRunLog.created_at, AgentRunLog.id) > (rows[-1].created_at, rows[-1].id)
        )


async def declarations(session: AsyncSession) -> dict[str, Declaration]:
    """What is declared of each agent."""
    return {
        agent.agent_id: Declaration(
            agent.schedule,
            agent.timezone,
            None if agent.grace_seconds is None else timedelta(seconds=agent.grace_seconds),
            agent.paused,
            agent.created_at,
        )
        for agent in await session.scalars(select(Agent))
    }
