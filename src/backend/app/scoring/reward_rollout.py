"""Scoring recent runs again, and rolling back, when another reward model or the rubric comes into force."""

from datetime import timedelta

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.kit.sql import database_now
from app.models import RewardModelVersion
from app.scoring.backfills import end_system_backfills, open_backfill
from app.scoring.domain.results import REWARD, RUBRIC
from app.scoring.reward_models import PROMOTED, WITHDRAWN, lock_models, version_in_force
from app.scoring.rubric import VERSION as RUBRIC_VERSION

RESCORED = timedelta(days=35)
"""How far back runs are scored again; a trend compares the last 14 days with each other."""


async def rescore_recent(session: AsyncSession) -> None:
    """Have workers score recent runs by what is in force now, so that trends compare like with like.

    1. End the system's backfills for other models; without a model in force, also those of the rubric, since
       runs that they have passed may show another score since.
    2. Open a backfill of the last `RESCORED` by the version in force.
    """
    version = await version_in_force(session)
    await end_system_backfills(session, REWARD)
    if version is None:
        await end_system_backfills(session, RUBRIC)
    await open_backfill(
        session,
        since=await database_now(session) - RESCORED,
        scorer=RUBRIC if version is None else REWARD,
        version=RUBRIC_VERSION if version is None else str(version),
    )


async def roll_back(session: AsyncSession, version: int | None) -> int | None:
    """Withdraw the version in force, or all that are newer than `version`, which is in force then.

    Returns the version that is in force now; None when it is the rubric. Raises `NotFoundError` when there
    is nothing to withdraw, or when `version` was never promoted.
    """
    await lock_models(session, wait=True)
    in_force = await version_in_force(session)
    if version is not None:
        await _withdraw(session, RewardModelVersion.version > version)
        await _reinstate(session, version)
    elif in_force is not None:
        await _withdraw(session, RewardModelVersion.version == in_force)
    else:
        raise NotFoundError("no reward model is in force; the rubric scores runs")
    await rescore_recent(session)
    return await version_in_force(session)


async def _withdraw(session: AsyncSession, condition: ColumnElement[bool]) -> None:
    await session.execute(
        update(RewardModelVersion)
        .where(RewardModelVersion.state == PROMOTED, condition)
        .values(state=WITHDRAWN, withdrawn_at=func.now())
    )


async def _reinstate(session: AsyncSession, version: int) -> None:
    found = await session.execute(
        update(RewardModelVersion)
        .where(
            RewardModelVersion.version == version,
            RewardModelVersion.state.in_([PROMOTED, WITHDRAWN]),
            RewardModelVersion.rubric == RUBRIC_VERSION,
        )
        .values(state=PROMOTED, withdrawn_at=None)
        .returning(RewardModelVersion.version)
    )
    if found.one_or_none() is None:
        raise NotFoundError(f"version {version} is none that was promoted, with this version of the rubric")
