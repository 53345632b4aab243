"""Score runs one by one where one of them may have ended a worker: each attempt is counted before it begins.

A run takes two transactions, `begin_attempt` and `score_attempt`. If the worker is lost in between, the run
shows a failure that is tried again later, and is given up after as many attempts as any other failure.
"""

from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import database_now
from app.models import AgentRunLog, AgentRunScore
from app.scoring.domain.results import WORKER_LOST, failed
from app.scoring.pipeline import UNTRIED, read_where, score_batch
from app.scoring.records import record_results
from app.scoring.scorers import active_scorers

_COUNTED = f"""EXISTS (
        SELECT FROM agent_run_score AS kept
        WHERE kept.run_id = agent_run_log.id AND kept.error = '{WORKER_LOST}'
    )"""
_DUE = text(f"""({UNTRIED} OR EXISTS (
        SELECT FROM agent_run_score AS kept
        WHERE kept.run_id = agent_run_log.id AND kept.error = '{WORKER_LOST}'
            AND kept.retry_at <= statement_timestamp()
    ))""")


async def lost_runs(session: AsyncSession, *, limit: int) -> list[UUID]:
    """Ids of runs under which a worker was lost and whose next attempt is due, the longest due first."""
    statement = (
        select(AgentRunScore.run_id)
        .where(AgentRunScore.error == WORKER_LOST, AgentRunScore.retry_at <= func.clock_timestamp())
        .group_by(AgentRunScore.run_id)
        .order_by(func.min(AgentRunScore.retry_at))
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def begin_attempt(session: AsyncSession, run_id: UUID) -> bool:
    """Count an attempt at the run; False where it is not to be scored now. To be committed before scoring."""
    due = select(AgentRunLog.id).where(AgentRunLog.id == run_id, _DUE)
    if await session.scalar(due.with_for_update(key_share=True, skip_locked=True)) is None:
        return False
    now = await database_now(session)
    attempts = [
        failed(scorer.name, scorer.version, WORKER_LOST, now) for scorer in await active_scorers(session)
    ]
    await record_results(session, {run_id: attempts})
    return True


async def score_attempt(session: AsyncSession, run_id: UUID) -> int:
    """Score a run whose attempt was counted, in place of the failure that it shows; return 1 for a score."""
    scorers, arguments = await active_scorers(session), {"run_ids": [run_id]}
    results = await score_batch(session, read_where(_COUNTED, wait=True), arguments, scorers)
    return sum(any(result.error is None for result in given) for given in results.values())
