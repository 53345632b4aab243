"""Backfills: score a window of history by another version of a scorer, in chunks that can be interrupted.

1. `open_backfill` stores the window, the scorer and its version, or finds the unfinished one.
2. `backfill_chunk` scores the next chunk, the newest runs first, and moves the cursor, in one transaction:
   what was interrupted goes on where the last commit left it.
3. When no run is left it is finished; `give_up_backfill` and `end_system_backfills` end it earlier, with the
   reason.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import database_now
from app.models import AgentRunLog, RunRollup, ScoreBackfill
from app.models.run_rollup import HOUR
from app.runs.queries import newest_runs
from app.runs.usage_records import fill_usage
from app.scoring.rescoring import rescore_apart
from app.scoring.scorers import find_scorer

CHUNK = 250  # runs a transaction: a second or less of scoring, as runs stay locked for so long
_BY_SYSTEM = ""


async def open_backfill(
    session: AsyncSession,
    *,
    since: datetime,
    scorer: str,
    version: str,
    until: datetime | None = None,
    request: str = _BY_SYSTEM,
) -> ScoreBackfill:
    """The unfinished backfill of this scorer, version and `request`, or else a new one, until now.

    Without a `request` it is the system's: workers go on with it by themselves, and what they were still
    doing with another version of the scorer ends. Raises `NotFoundError` where there is no such scorer.
    """
    await find_scorer(session, scorer, version)
    if request == _BY_SYSTEM:
        await _end_superseded(session, scorer, version)
    until = until or await database_now(session)
    key = {"scorer": scorer, "version": version, "request": request}
    expected = select(func.coalesce(func.sum(RunRollup.runs), 0)).where(
        RunRollup.width == HOUR,
        RunRollup.bucket > since - timedelta(minutes=HOUR),
        RunRollup.bucket < until,
    )
    await session.execute(
        insert(ScoreBackfill)
        .values(**key, since=since, until=until, runs=expected.scalar_subquery())
        .on_conflict_do_nothing(index_elements=list(key), index_where=ScoreBackfill.finished_at.is_(None))
    )
    unfinished = select(ScoreBackfill).filter_by(**key, finished_at=None)
    return (await session.scalars(unfinished)).one()


async def _end_superseded(session: AsyncSession, scorer: str, version: str) -> None:
    await session.execute(
        update(ScoreBackfill)
        .where(
            ScoreBackfill.request == _BY_SYSTEM,
            ScoreBackfill.scorer == scorer,
            ScoreBackfill.version != version,
            ScoreBackfill.finished_at.is_(None),
        )
        .values(finished_at=func.clock_timestamp(), error=f"version {version} took its place")
    )


async def end_system_backfills(session: AsyncSession, scorer: str) -> None:
    """End the system's unfinished backfills by this scorer, as another is in force now."""
    await session.execute(
        update(ScoreBackfill)
        .where(
            ScoreBackfill.request == _BY_SYSTEM,
            ScoreBackfill.scorer == scorer,
            ScoreBackfill.finished_at.is_(None),
        )
        .values(finished_at=func.clock_timestamp(), error="something else came into force")
    )


async def open_system_backfills(session: AsyncSession) -> Sequence[UUID]:
    """Ids of the system's unfinished backfills, the oldest first."""
    statement = (
        select(ScoreBackfill.id)
        .where(ScoreBackfill.finished_at.is_(None), ScoreBackfill.request == _BY_SYSTEM)
        .order_by(ScoreBackfill.opened_at)
    )
    return (await session.scalars(statement)).all()


async def recent_backfills(session: AsyncSession, *, limit: int) -> Sequence[ScoreBackfill]:
    """The newest backfills, finished or not, newest first."""
    statement = select(ScoreBackfill).order_by(ScoreBackfill.opened_at.desc()).limit(limit)
    return (await session.scalars(statement)).all()


async def backfill_chunk(session: AsyncSession, backfill_id: UUID) -> ScoreBackfill:
    """Score the next runs of a backfill, and return how far it has come.

    Concurrent calls for the same backfill take turns. Runs that have this version's score are skipped, and so
    are those without any score; of all of them it is kept what they took. Raises `NotFoundError` where the
    scorer is not in use any more.
    """
    locked = select(ScoreBackfill).where(ScoreBackfill.id == backfill_id).with_for_update()
    backfill = (await session.scalars(locked)).one()
    if backfill.finished_at is not None:
        return backfill
    scorer = await find_scorer(session, backfill.scorer, backfill.version)
    runs = (await session.execute(next_runs(backfill))).all()
    if runs:
        run_ids = [run.id for run in runs]
        rescored = await rescore_apart(session, run_ids, scorer=scorer)
        await fill_usage(session, run_ids)
        backfill.scored += rescored.scored
        backfill.failed += rescored.failed
        backfill.skipped += len(runs) - sum(rescored)
        backfill.cursor_at, backfill.cursor_id = runs[-1].created_at, runs[-1].id
    else:
        backfill.finished_at = await database_now(session)
    await session.flush()
    return backfill


async def give_up_backfill(session: AsyncSession, backfill_id: UUID, error: str) -> None:
    """End a backfill that cannot go on, and say why."""
    await session.execute(
        update(ScoreBackfill)
        .where(ScoreBackfill.id == backfill_id, ScoreBackfill.finished_at.is_(None))
        .values(finished_at=func.clock_timestamp(), error=error)
    )


def next_runs(backfill: ScoreBackfill) -> Select[Any]:
    """`id` and `created_at` of the runs that come next, the newest first."""
    columns = (AgentRunLog.id, AgentRunLog.created_at)
    statement = newest_runs(columns, CHUNK, since=backfill.since, until=backfill.until)
    if backfill.cursor_at is None:
        return statement
    cursor = tuple_(backfill.cursor_at, backfill.cursor_id)
    return statement.where(tuple_(AgentRunLog.created_at, AgentRunLog.id) < cursor)
