"""Where judging stands, for people and monitors."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AgentRunScore
from app.scoring.judge import SCORER
from app.scoring.judge_budget import JudgeCosts, judge_costs


@dataclass(frozen=True, slots=True)
class JudgeStatus:
    """How many runs a version of the judge has judged, failed at or not been sent, and all costs."""

    judged: int
    waiting: int
    given_up: int
    not_sent: int
    costs: JudgeCosts


async def judge_status(session: AsyncSession, version: str) -> JudgeStatus:
    """The status now."""
    failed = AgentRunScore.error.is_not(None) & (AgentRunScore.attempts > 0)
    counts = (
        await session.execute(
            select(
                func.count().filter(AgentRunScore.auto.is_not(None)).label("judged"),
                func.count().filter(failed & AgentRunScore.retry_at.is_not(None)).label("waiting"),
                func.count().filter(failed & AgentRunScore.retry_at.is_(None)).label("given_up"),
                func.count().filter(AgentRunScore.attempts == 0).label("not_sent"),
            ).where(AgentRunScore.scorer == SCORER, AgentRunScore.version == version)
        )
    ).one()
    return JudgeStatus(
        judged=counts.judged,
        waiting=counts.waiting,
        given_up=counts.given_up,
        not_sent=counts.not_sent,
        costs=await judge_costs(session),
    )
