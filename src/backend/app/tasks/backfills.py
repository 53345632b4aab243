"""How a backfill goes on, in a worker and on the command line alike: a chunk, a commit, a delay."""

from typing import NamedTuple
from uuid import UUID

from app.db.session import transaction
from app.models import ScoreBackfill
from app.scoring.backfills import backfill_chunk
from app.tasks.pacing import Pace


class Progress(NamedTuple):
    """How far a backfill has come, and how many seconds to wait before the next chunk."""

    backfill: ScoreBackfill
    delay: float


async def continue_backfill(backfill_id: UUID, pace: Pace) -> Progress:
    """Score a chunk in a transaction of its own. Raises `NotFoundError` where its scorer is gone."""
    pace.begin()
    async with transaction() as session:
        backfill = await backfill_chunk(session, backfill_id)
    return Progress(backfill, await pace.delay_after_backfill())
