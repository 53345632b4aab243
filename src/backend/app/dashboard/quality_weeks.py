"""Quality over the last weeks: does the fleet get better?"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.times import WEEK
from app.models import RunRollup
from app.models.run_rollup import HOUR
from app.scoring.domain.comparison import Day, mean_margin, window_of

WEEKS = 12
"""A quarter: long enough to see an improvement, with few enough points to read."""

CONFIDENCE = 0.95
"""With which a week's true mean lies in its interval."""

_DAY_SECONDS = 86_400
_NOTHING = Day(0.0, 0)


@dataclass(frozen=True, slots=True)
class QualityWeek:
    """The scores of the seven days that end at `end`: mean (0 to 1), its margin to both sides, and how many.

    `mean` is None without a score, `margin` without scores on two days.
    """

    end: datetime
    mean: float | None
    margin: float | None
    runs: int


async def quality_by_week(session: AsyncSession, now: datetime) -> list[QualityWeek]:
    """The last `WEEKS` weeks up to `now`, in whole hours, the oldest first."""
    ago = cast(func.floor(func.extract("epoch", now - RunRollup.bucket) / _DAY_SECONDS), Integer)
    statement = (
        select(ago, func.sum(RunRollup.overall_sum), func.sum(RunRollup.scored))
        .where(RunRollup.width == HOUR, RunRollup.bucket > now - WEEKS * WEEK, RunRollup.bucket <= now)
        .group_by(ago)
    )
    days: dict[int, Day] = defaultdict(lambda: _NOTHING)
    for day, total, runs in await session.execute(statement):
        days[day] = Day(float(total), int(runs))
    return [
        _week(now - week * WEEK, [days[7 * week + day] for day in range(7)])
        for week in reversed(range(WEEKS))
    ]


def _week(end: datetime, days: list[Day]) -> QualityWeek:
    window = window_of(days)
    if window is None:
        return QualityWeek(end, None, None, 0)
    return QualityWeek(end, window.mean, mean_margin(window, CONFIDENCE), window.runs)
