"""The versions of the reward model: which is in force, and going back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.reward.model import RewardModel
from app.domain.scoring import VERSION as RUBRIC_VERSION
from app.errors import NotFoundError
from app.models import RewardModelVersion

RESCORED = timedelta(days=35)
"""How far back runs are scored anew when another model comes into force: as far as trends are shown."""

PROMOTED, REJECTED, WITHDRAWN = "promoted", "rejected", "withdrawn"

_LOCK = 0x524557415244  # any number that nothing else locks: "REWARD"
_IN_FORCE = (
    select(RewardModelVersion.version, RewardModelVersion.trained_at)
    .where(RewardModelVersion.state == PROMOTED, RewardModelVersion.rubric == RUBRIC_VERSION)
    .order_by(RewardModelVersion.version.desc())
    .limit(1)
)

# The one last asked for, read. A version is asked for every time, so nothing here is ever out of date.
_read: dict[tuple[int, datetime], RewardModel] = {}


async def lock_models(session: AsyncSession, *, wait: bool) -> bool:
    """Whether this transaction may now change what is in force; without `wait` False while another may."""
    lock = func.pg_advisory_xact_lock(_LOCK) if wait else func.pg_try_advisory_xact_lock(_LOCK)
    return (await session.execute(select(lock))).scalar_one() is not False


async def model_in_force(session: AsyncSession) -> tuple[int, RewardModel] | None:
    """The version and the model that score runs now; None while the rubric does alone."""
    found = (await session.execute(_IN_FORCE)).one_or_none()
    if found is None:
        return None
    key = (found.version, found.trained_at)
    if key not in _read:
        statement = select(RewardModelVersion.parameters).where(RewardModelVersion.version == found.version)
        model = RewardModel.of((await session.execute(statement)).scalar_one())
        _read.clear()
        _read[key] = model
    return found.version, _read[key]


async def versions(session: AsyncSession, *, limit: int) -> Sequence[RewardModelVersion]:
    """The versions there are, newest first."""
    statement = select(RewardModelVersion).order_by(RewardModelVersion.version.desc()).limit(limit)
    return (await session.scalars(statement)).all()


async def roll_back(session: AsyncSession, version: int | None) -> int | None:
    """Withdraw the version in force, or all that are newer than `version`, which is in force then.

    Returns the version that is in force now; None when it is the rubric. Raises `NotFoundError` when there
    is nothing to withdraw, or when `version` was never promoted.
    """
    await lock_models(session, wait=True)
    in_force = (await session.execute(_IN_FORCE)).one_or_none()
    if version is None:
        if in_force is None:
            raise NotFoundError("no reward model is in force; the rubric scores runs")
        await _withdraw(session, RewardModelVersion.version == in_force.version)
    else:
        await _withdraw(session, RewardModelVersion.version > version)
        await _reinstate(session, version)
    now_in_force = (await session.execute(_IN_FORCE)).one_or_none()
    return now_in_force.version if now_in_force else None


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
