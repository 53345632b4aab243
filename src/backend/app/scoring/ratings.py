"""People's ratings of runs: given, shown and withdrawn, and how they decide a run's `overall`.

A change of a rating first locks its run, as scorers do, and only then touches anything else: so no rating is
missed, and there is no deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Numeric,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.kit.sql import database_now, object_in
from app.models import AgentRunFeedback, AgentRunLog
from app.scoring.domain.results import with_human

_NO_RUN = "there is no run with this id"
_NO_RATING = "there is no such rating"

# A value there that is no object holds no score, so it is replaced.
_DECIDED = text(f"""
UPDATE agent_run_log
SET rlhf_scores = coalesce({object_in("rlhf_scores")}, '{{}}') || :decided
WHERE id = :run_id AND rlhf_scores IS NOT NULL
""").bindparams(bindparam("run_id", type_=Uuid), bindparam("decided", type_=JSONB))  # noqa: S608
_UNDECIDED = text("""
UPDATE agent_run_log
SET rlhf_scores = rlhf_scores - 'human' || jsonb_build_object('overall', rlhf_scores -> 'auto')
WHERE id = :run_id AND jsonb_typeof(rlhf_scores) = 'object'
""").bindparams(bindparam("run_id", type_=Uuid))


async def rate_run(
    session: AsyncSession, run_id: UUID, *, rater: str, rating: float, comment: str | None
) -> datetime:
    """Keep a person's rating of a run and let it decide `overall`; returns when. Raises `NotFoundError`."""
    if not await _lock(session, run_id):
        raise NotFoundError(_NO_RUN)
    given = {"rating": rating, "comment": comment}
    before = func.jsonb_build_object(
        "rating", AgentRunFeedback.rating, "comment", AgentRunFeedback.comment, type_=JSONB
    )
    row = await session.execute(
        insert(AgentRunFeedback)
        .values(run_id=run_id, rater=rater, **given)
        .on_conflict_do_update(
            index_elements=[AgentRunFeedback.run_id, AgentRunFeedback.rater],
            set_={**given, "replaced": before, "updated_at": func.clock_timestamp()},
        )
        .returning(AgentRunFeedback.updated_at)
    )
    given_at: datetime = row.scalar_one()
    await _decide(session, run_id)
    return given_at


async def undo_rating(session: AsyncSession, run_id: UUID, rater: str, given_at: datetime) -> None:
    """Undo the rating that a person gave at that moment: the one before it counts again, or none.

    Raises `NotFoundError` where it is not their newest any more.
    """
    if not await _lock(session, run_id):
        raise NotFoundError(_NO_RATING)
    newest = await session.scalar(
        select(AgentRunFeedback).where(
            AgentRunFeedback.run_id == run_id,
            AgentRunFeedback.rater == rater,
            AgentRunFeedback.updated_at == given_at,
        )
    )
    if newest is None:
        raise NotFoundError("there is no such rating any more: it was undone, or given again")
    if before := newest.replaced:
        newest.rating, newest.comment, newest.replaced = before["rating"], before["comment"], None
        newest.updated_at = await database_now(session)
    else:
        await session.delete(newest)
    await session.flush()
    await _decide(session, run_id)


async def ratings_given_since(session: AsyncSession, rater: str, start: datetime) -> int:
    """How many ratings a person has given since."""
    statement = select(func.count()).where(
        AgentRunFeedback.rater == rater, AgentRunFeedback.updated_at >= start
    )
    return await session.scalar(statement) or 0


async def withdraw_rating(session: AsyncSession, run_id: UUID, rater: str) -> None:
    """Take a person's rating back; `overall` follows. Raises `NotFoundError`."""
    if not await _lock(session, run_id):
        raise NotFoundError(_NO_RATING)
    theirs = (AgentRunFeedback.run_id == run_id, AgentRunFeedback.rater == rater)
    gone = await session.execute(delete(AgentRunFeedback).where(*theirs).returning(AgentRunFeedback.rater))
    if not gone.all():
        raise NotFoundError(_NO_RATING)
    await _decide(session, run_id)


async def ratings_of_run(session: AsyncSession, run_id: UUID) -> list[AgentRunFeedback]:
    """Everybody's rating of a run, the first given first. Raises `NotFoundError`."""
    ordered = (
        select(AgentRunFeedback)
        .where(AgentRunFeedback.run_id == run_id)
        .order_by(AgentRunFeedback.created_at, AgentRunFeedback.rater)
    )
    found = list(await session.scalars(ordered))
    if not found and not await session.scalar(select(exists().where(AgentRunLog.id == run_id))):
        raise NotFoundError(_NO_RUN)
    return found


async def mean_ratings(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """`human` as `rlhf_scores` has it, of those of `run_ids` that people rated."""
    # Decimal numbers: the mean is the same in whichever order it is taken.
    mean = func.avg(cast(AgentRunFeedback.rating, Numeric))
    rows = await session.execute(
        select(AgentRunFeedback.run_id, mean, func.count())
        .where(AgentRunFeedback.run_id == any_(literal(run_ids, ARRAY(Uuid))))
        .group_by(AgentRunFeedback.run_id)
    )
    return {run_id: {"rating": float(rating), "raters": raters} for run_id, rating, raters in rows}


async def _lock(session: AsyncSession, run_id: UUID) -> bool:
    # The weaker lock, as scorers take it: inserts that only refer to the run need not wait.
    found = select(AgentRunLog.id).where(AgentRunLog.id == run_id).with_for_update(key_share=True)
    return await session.scalar(found) is not None


async def _decide(session: AsyncSession, run_id: UUID) -> None:
    """Make `overall` what the ratings say. What is not scored yet stays so: its scorer takes them in."""
    human = (await mean_ratings(session, [run_id])).get(run_id)
    if human:
        await session.execute(_DECIDED, {"run_id": run_id, "decided": with_human({}, human)})
    else:
        await session.execute(_UNDECIDED, {"run_id": run_id})
