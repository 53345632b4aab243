"""The versions of the reward model, and which is in force."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import RewardModelVersion
from app.scoring.reward.model import RewardModel
from app.scoring.rubric import VERSION as RUBRIC_VERSION

PROMOTED, REJECTED, WITHDRAWN = "promoted", "rejected", "withdrawn"

_LOCK = 0x524557415244  # any number that nothing else locks: "REWARD"
_IN_FORCE = (
    select(RewardModelVersion.version, RewardModelVersion.trained_at)
    .where(RewardModelVersion.state == PROMOTED, RewardModelVersion.rubric == RUBRIC_VERSION)
    .order_by(RewardModelVersion.version.desc())
    .limit(1)
)

# The model last used, parsed. Which version is in force is read every time, so this is never out of date.
_read: dict[tuple[int, datetime], RewardModel] = {}


async def lock_models(session: AsyncSession, *, wait: bool) -> bool:
    """Whether this transaction may now change what is in force; without `wait` False while another may."""
    lock = func.pg_advisory_xact_lock(_LOCK) if wait else func.pg_try_advisory_xact_lock(_LOCK)
    return (await session.execute(select(lock))).scalar_one() is not False


async def version_in_force(session: AsyncSession) -> int | None:
    """The version that scores runs now; None while the rubric does alone."""
    found = (await session.execute(_IN_FORCE)).one_or_none()
    return found.version if found else None


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
