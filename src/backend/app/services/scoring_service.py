"""Score runs and write the scores back; take in people's ratings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.domain.scoring import SCORER, VERSION, RunReport, score
from app.logs import get_logger
from app.models import AgentRunFeedback, AgentRunLog
from app.models.agent_run_log import UNSCORED
from app.services.run_queries import database_now, of_agent

log = get_logger(__name__)

HISTORY = 5
MAX_ATTEMPTS = 3

# Compared as JSON: whatever somebody wrote there, no sweep fails over it.
_tries_left = func.coalesce(AgentRunLog.rlhf_scores["attempts"] < literal(MAX_ATTEMPTS, JSONB), true())


async def unscored_runs(session: AsyncSession, *, older_than: timedelta, limit: int) -> list[UUID]:
    """Ids of runs without a score, oldest first, whose scorer has not failed for good."""
    cutoff = await database_now(session) - older_than
    statement = (
        select(AgentRunLog.id)
        .where(UNSCORED, AgentRunLog.created_at < cutoff, _tries_left)
        .order_by(AgentRunLog.created_at)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def score_runs(session: AsyncSession, run_ids: Sequence[UUID]) -> int:
    """Score those of `run_ids` that have no score yet; return how many got one.

    Safe to repeat and to run twice at once: the rows are locked, and what is scored is left alone.
    A run whose scorer fails gets `{"overall": null, "error", "attempts"}` and is tried again by
    the sweep, at most `MAX_ATTEMPTS` times.
    """
    locked = await session.scalars(
        select(AgentRunLog)
        .where(AgentRunLog.id.in_(run_ids), UNSCORED, _tries_left)
        .order_by(AgentRunLog.id)
        .with_for_update()
    )
    runs = {run.id: run for run in locked}
    histories = await _histories(session, list(runs))
    # Read after the rows are locked, so that no rating given meanwhile is missed.
    ratings = await _ratings(session, list(runs))
    now = await database_now(session)
    scored = 0
    for run in runs.values():
        scores = _score(run, histories.get(run.id, []), now)
        human = ratings.get(run.id)
        run.rlhf_scores = _with_human(scores, human) if human else scores
        scored += "error" not in scores
    await session.flush()
    return scored


def _score(run: AgentRunLog, history: Sequence[RunReport], now: datetime) -> dict[str, Any]:
    try:
        result = score(RunReport(run.agent_id, run.status, run.actions_taken or {}), history)
    except Exception as error:  # whatever a scorer does wrong is shown on the run
        earlier = (run.rlhf_scores or {}).get("attempts")
        attempts = (earlier if isinstance(earlier, int) else 0) + 1
        log.warning("score_failed", run_id=str(run.id), attempts=attempts, exc_info=error)
        return {"overall": None, "error": f"{type(error).__name__}: {error}", "attempts": attempts}
    return {
        "overall": result.auto,
        "auto": result.auto,
        "scorer": SCORER,
        "version": VERSION,
        "dimensions": dict(result.dimensions),
        "reasons": list(result.reasons),
        "scored_at": now.isoformat().replace("+00:00", "Z"),
    }


def earlier_runs(run_ids: Sequence[UUID]) -> Select[Any]:
    """Each of `run_ids` with the agent's last runs before it, oldest first."""
    run, earlier = aliased(AgentRunLog), aliased(AgentRunLog)
    before = (
        select(earlier.agent_id, earlier.status, earlier.actions_taken, earlier.created_at)
        .where(of_agent(run.agent_id, earlier), earlier.created_at < run.created_at)
        .order_by(earlier.agent_id, earlier.created_at.desc())
        .limit(HISTORY)
        .lateral()
    )
    return (
        select(run.id, before.c.agent_id, before.c.status, before.c.actions_taken)
        .join(before, true())
        .where(run.id.in_(run_ids))
        .order_by(before.c.created_at)
    )


async def _histories(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, list[RunReport]]:
    """The agent's last runs before each of `run_ids`, oldest first."""
    histories: dict[UUID, list[RunReport]] = {}
    for run_id, agent_id, status, actions_taken in await session.execute(earlier_runs(run_ids)):
        # A row that somebody else inserted may hold any JSON; its own score says so, not its neighbours'.
        actions = actions_taken if isinstance(actions_taken, dict) else {}
        histories.setdefault(run_id, []).append(RunReport(agent_id, status, actions))
    return histories


async def _ratings(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = await session.execute(
        select(AgentRunFeedback.run_id, func.avg(AgentRunFeedback.rating), func.count())
        .where(AgentRunFeedback.run_id.in_(run_ids))
        .group_by(AgentRunFeedback.run_id)
    )
    return {run_id: {"rating": round(mean, 4), "raters": raters} for run_id, mean, raters in rows}


def _with_human(scores: dict[str, Any], human: dict[str, Any]) -> dict[str, Any]:
    """`overall` is the mean human rating where there is one."""
    return {**scores, "overall": human["rating"], "human": human}


async def rate_run(
    session: AsyncSession, run_id: UUID, *, rater: str, rating: float, comment: str | None
) -> bool:
    """Keep a person's rating of a run and let it decide `overall`. False when there is no such run."""
    found = select(AgentRunLog).where(AgentRunLog.id == run_id).with_for_update()
    run = (await session.scalars(found)).one_or_none()
    if run is None:
        return False
    given = {"rating": rating, "comment": comment}
    await session.execute(
        insert(AgentRunFeedback)
        .values(run_id=run_id, rater=rater, **given)
        .on_conflict_do_update(
            index_elements=[AgentRunFeedback.run_id, AgentRunFeedback.rater],
            set_={**given, "updated_at": func.now()},
        )
    )
    # An unscored run stays unscored; the scorer takes the rating in.
    if run.rlhf_scores is not None:
        human = (await _ratings(session, [run_id]))[run_id]
        run.rlhf_scores = _with_human(run.rlhf_scores, human)
        await session.flush()
    return True
