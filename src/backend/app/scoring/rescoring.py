"""Scoring runs again: after failures, and by another version of a scorer."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.refusals import try_apart
from app.db.savepoint import savepoint
from app.models import AgentRunLog, AgentRunScore
from app.scoring.domain.results import WORKER_LOST
from app.scoring.pipeline import read_where, score_batch
from app.scoring.scorers import Scorer, active_scorers

_DUE = """EXISTS (
        SELECT FROM agent_run_score AS kept
        WHERE kept.run_id = agent_run_log.id AND kept.scorer = :scorer AND kept.error IS NOT NULL
            AND kept.retry_at <= statement_timestamp()
    )"""
# A run without any score is left to the pipeline, which scores it by all scorers at once. One that has this
# score but shows that of an earlier scorer is scored again, so that it shows the one that counts now.
# One whose payload was erased keeps what was made of it.
_LACKS = """rlhf_scores IS NOT NULL AND NOT EXISTS (
        SELECT FROM agent_run_erasure WHERE run_id = agent_run_log.id
    ) AND (NOT (
        coalesce(rlhf_scores ->> 'scorer' = CAST(:scorer AS text)
            AND rlhf_scores ->> 'version' = CAST(:version AS text)
            AND jsonb_typeof(rlhf_scores -> 'auto') = 'number', false)
        OR EXISTS (
            SELECT FROM agent_run_score AS kept
            WHERE kept.run_id = agent_run_log.id AND kept.scorer = CAST(:scorer AS text)
                AND kept.version = CAST(:version AS text) AND kept.error IS NULL
        )
    ) OR (
        CAST(:in_force AS boolean) AND rlhf_scores ->> 'scorer' IN ('rubric', 'reward')
        AND (rlhf_scores ->> 'scorer', rlhf_scores ->> 'version')
            <> (CAST(:scorer AS text), CAST(:version AS text))
    ))"""


class Rescored(NamedTuple):
    """How many runs got a score, and how many scorers failed."""

    scored: int
    failed: int


async def due_retries(session: AsyncSession, *, limit: int) -> list[tuple[Scorer, Sequence[UUID]]]:
    """For each scorer in use, at most `limit` runs that it failed at and is to try again now."""
    found = []
    for scorer in await active_scorers(session):
        statement = (
            select(AgentRunScore.run_id)
            .where(
                AgentRunScore.scorer == scorer.name,
                AgentRunScore.error != WORKER_LOST,  # these are `isolation`'s
                AgentRunScore.retry_at <= func.clock_timestamp(),
            )
            .order_by(AgentRunScore.retry_at)
            .limit(limit)
        )
        found.append((scorer, (await session.scalars(statement)).all()))
    return found


async def retry_scores(session: AsyncSession, run_ids: Sequence[UUID], *, scorer: Scorer) -> int:
    """Have `scorer` score those of `run_ids` again that are due; return how many got a score.

    What others have locked is left to the next sweep.
    """
    arguments = {"run_ids": await _lock(session, run_ids, wait=False), "scorer": scorer.name}
    results = await score_batch(session, read_where(_DUE, wait=False), arguments, [scorer])
    return sum(result.error is None for (result,) in results.values())


async def rescore_runs(session: AsyncSession, run_ids: Sequence[UUID], *, scorer: Scorer) -> Rescored:
    """Score by `scorer` those of `run_ids` that have a score, but none of this version.

    1. Ask which scorer's results count now: the last of those in use.
    2. Lock the runs, waiting for others' locks.
    3. Select those that lack this version's score. If `scorer` is the one that counts, add those that have
       it but show another scorer's.
    4. Score them and keep the results, as `pipeline` does.
    """
    in_force = (await active_scorers(session))[-1]
    arguments = {
        "run_ids": await _lock(session, run_ids, wait=True),
        "scorer": scorer.name,
        "version": scorer.version,
        "in_force": (scorer.name, scorer.version) == (in_force.name, in_force.version),
    }
    results = await score_batch(session, read_where(_LACKS, wait=True), arguments, [scorer], complete=True)
    ended_well = Counter(result.error is None for (result,) in results.values())
    return Rescored(ended_well[True], ended_well[False])


async def rescore_apart(session: AsyncSession, run_ids: Sequence[UUID], *, scorer: Scorer) -> Rescored:
    """`rescore_runs`, but a run whose score the database refuses is a failure of its own.

    Each try is a savepoint.
    """

    async def rescore(part: Sequence[UUID]) -> Rescored:
        async with savepoint(session):
            return await rescore_runs(session, part, scorer=scorer)

    scored = failed = 0
    async for _, result in try_apart(run_ids, rescore):
        rescored = Rescored(scored=0, failed=1) if isinstance(result, DBAPIError) else result
        scored, failed = scored + rescored.scored, failed + rescored.failed
    return Rescored(scored, failed)


async def _lock(session: AsyncSession, run_ids: Sequence[UUID], *, wait: bool) -> Sequence[UUID]:
    """Lock the runs in the order of their ids; return those locked: all of them with `wait`.

    A statement of its own: one that locks a row that was free again only just looks for its results in a
    snapshot taken before, and would score it a second time.
    """
    statement = (
        select(AgentRunLog.id)
        .where(AgentRunLog.id == any_(literal(list(run_ids), ARRAY(Uuid))))
        .order_by(AgentRunLog.id)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    return (await session.scalars(statement)).all()
