"""Training the reward model on people's ratings, and promoting what is better than what is in force."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Text, Uuid, and_, any_, cast, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import database_now
from app.models import AgentRunFeedback, AgentRunLog, AgentRunScore, RewardModelVersion
from app.scoring.domain.results import shown_result
from app.scoring.reports import read_report
from app.scoring.reward.features import Features, extract_features
from app.scoring.reward.model import RewardModel
from app.scoring.reward_models import PROMOTED, REJECTED, lock_models, model_in_force
from app.scoring.reward_rollout import rescore_recent
from app.scoring.rubric import SCORER, Score, score
from app.scoring.rubric import VERSION as RUBRIC_VERSION

if TYPE_CHECKING:
    from app.scoring.reward.training import Training

MOST_RATINGS = 4_000
"""How many ratings a training takes, the newest: some 2 to 5 seconds of one processor."""

_PAYLOADS = 20  # in memory at once, each up to a megabyte
_READING_SECONDS = 20.0  # after which a training makes do with the runs read so far
_NEWEST_FIRST = (AgentRunFeedback.updated_at.desc(), AgentRunFeedback.run_id, AgentRunFeedback.rater)


@dataclass(frozen=True, slots=True)
class _Given:
    run_id: UUID
    rater: str
    rating: float
    at: datetime


async def lock_training(session: AsyncSession) -> bool:
    """Whether this transaction now holds the right to train; False while another holds it."""
    # The transaction is idle while the model is fitted; the task's own time limit is shorter.
    await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '120s'"))
    return await lock_models(session, wait=False)


async def is_due(session: AsyncSession, *, after: int) -> bool:
    """Whether so many ratings came in or changed since the newest training on this version of the rubric."""
    learnt = select(func.max(RewardModelVersion.rated_until)).where(
        RewardModelVersion.rubric == RUBRIC_VERSION
    )
    since = func.coalesce(learnt.scalar_subquery(), text("'-infinity'::timestamptz"))
    some = select(AgentRunFeedback.run_id).where(AgentRunFeedback.updated_at > since).limit(after).subquery()
    return bool((await session.execute(select(func.count()).select_from(some))).scalar_one() >= after)


async def train_now(session: AsyncSession) -> RewardModelVersion | None:
    """Train a version, promote it or reject it, and keep it with its report.

    1. Read the newest ratings, without those of people who rated one run alone.
    2. Read the rated runs' features, within `_READING_SECONDS`.
    3. Read the model in force, and which of the runs it may have learnt from.
    4. Train and check a candidate (`reward.training.train`).
    5. Store it as the next version. If it is promoted, open the backfill that scores recent runs by it.

    None when there are too few ratings to compare runs by. The caller holds `lock_training`.
    """
    given = _comparable(await _ratings(session))
    runs = await read_features(session, list(dict.fromkeys(rating.run_id for rating in given)))
    given = [rating for rating in given if rating.run_id in runs]
    in_force = await model_in_force(session)
    seen = await _seen(session, in_force[0], list(runs)) if in_force else set()
    trained = _train(
        runs,
        given,
        in_force=(in_force[1], seen) if in_force else None,
        rejected=await _rejected(session),
    )
    return await _keep(session, trained, given) if trained else None


async def _keep(session: AsyncSession, trained: "Training", given: Sequence[_Given]) -> RewardModelVersion:
    newest = (await session.execute(select(func.max(RewardModelVersion.version)))).scalar_one()
    now = await database_now(session)
    version = RewardModelVersion(
        version=(newest or 0) + 1,
        trained_at=now,
        rubric=RUBRIC_VERSION,
        rated_until=max(rating.at for rating in given),
        ratings=len(given),
        raters=len({rating.rater for rating in given}),
        runs=len({rating.run_id for rating in given}),
        parameters=trained.model.parameters(),
        report=dict(trained.report),
        state=PROMOTED if trained.promoted else REJECTED,
        promoted_at=now if trained.promoted else None,
    )
    session.add(version)
    await session.flush()
    if trained.promoted:
        await rescore_recent(session)
    return version


async def _ratings(session: AsyncSession) -> list[_Given]:
    rows = await session.execute(
        select(
            AgentRunFeedback.run_id,
            AgentRunFeedback.rater,
            AgentRunFeedback.rating,
            AgentRunFeedback.updated_at,
        )
        .order_by(*_NEWEST_FIRST)
        .limit(MOST_RATINGS)
    )
    return [_Given(*row) for row in rows]


def _comparable(given: Sequence[_Given]) -> list[_Given]:
    """Without those by people who rated one run alone: they say nothing about an order."""
    rated = Counter(rating.rater for rating in given)
    return [rating for rating in given if rated[rating.rater] > 1]


async def read_features(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, Features]:
    """What the model sees of these runs, as far as they can be read within `_READING_SECONDS`."""
    ends = time.monotonic() + _READING_SECONDS
    found: dict[UUID, Features] = {}
    for start in range(0, len(run_ids), _PAYLOADS):
        rows = await session.execute(_reports(run_ids[start : start + _PAYLOADS]))
        found |= {row.id: _features_of(row) for row in rows}
        if time.monotonic() > ends:
            break
    return found


def _reports(run_ids: Sequence[UUID]) -> Select[Any]:
    by_rubric = and_(
        AgentRunScore.run_id == AgentRunLog.id,
        AgentRunScore.scorer == SCORER,
        AgentRunScore.version == RUBRIC_VERSION,
        AgentRunScore.auto.is_not(None),
    )
    return (
        select(
            AgentRunLog.id,
            AgentRunLog.agent_id,
            AgentRunLog.status,
            cast(AgentRunLog.actions_taken, Text).label("payload"),
            AgentRunLog.rlhf_scores,
            AgentRunScore.auto,
            AgentRunScore.dimensions,
        )
        .outerjoin(AgentRunScore, by_rubric)
        .where(AgentRunLog.id == any_(literal(run_ids, ARRAY(Uuid))))
    )


def _features_of(row: Row[Any]) -> Features:
    report = read_report(row.agent_id, row.status, row.payload)
    return extract_features(report, _score_by_rubric(row) or score(report))


def _score_by_rubric(row: Row[Any]) -> Score | None:
    """As the run was scored, with the agent's earlier runs; None where that is yet to come."""
    if row.auto is not None:
        return Score(row.auto, row.dimensions, ())
    shown = shown_result(row.rlhf_scores)
    if shown is None or shown.auto is None or shown.kind != (SCORER, RUBRIC_VERSION):
        return None
    return Score(shown.auto, shown.dimensions or {}, ())


async def _seen(session: AsyncSession, version: int, run_ids: Sequence[UUID]) -> set[UUID]:
    """Those runs of which this version may have learnt: they were rated by then, even if changed since."""
    until = select(RewardModelVersion.rated_until).where(RewardModelVersion.version == version)
    rated = select(AgentRunFeedback.run_id).where(
        AgentRunFeedback.run_id == any_(literal(run_ids, ARRAY(Uuid))),
        AgentRunFeedback.created_at <= until.scalar_subquery(),
    )
    return set(await session.scalars(rated))


async def _rejected(session: AsyncSession) -> int:
    """How many trainings were rejected since one was promoted."""
    own = RewardModelVersion.rubric == RUBRIC_VERSION
    promoted = select(func.max(RewardModelVersion.version)).where(own, RewardModelVersion.state != REJECTED)
    since = func.coalesce(promoted.scalar_subquery(), 0)
    statement = select(func.count()).where(own, RewardModelVersion.version > since)
    return (await session.execute(statement)).scalar_one()


def _train(
    features: Mapping[UUID, Features],
    given: Sequence[_Given],
    in_force: tuple[RewardModel, set[UUID]] | None,
    rejected: int,
) -> "Training | None":
    # On busy processors numpy's threads wait for each other and take ten times as long as one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imported here, so that processes without a training need no memory for numpy.
    from app.scoring.reward.training import InForce, train
    from app.scoring.reward.training_data import Rating

    place = {run_id: n for n, run_id in enumerate(features)}
    force = InForce(in_force[0], [run_id in in_force[1] for run_id in features]) if in_force else None
    ratings = [Rating(place[each.run_id], each.rater, each.rating) for each in given]
    return train(list(features.values()), ratings, in_force=force, rejected=rejected)
