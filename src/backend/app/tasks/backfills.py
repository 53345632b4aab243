"""How a backfill goes on, in a worker and on the command line alike: a chunk, a commit, a rest."""

from typing import NamedTuple
from uuid import UUID

from app.db.session import transaction
from app.models import ScoreBackfill
from app.scoring.backfills import backfill_chunk
from app.tasks.pacing import Pace


class Progress(NamedTuple):
    """How far a backfill has come, and how many seconds to rest before the next chunk."""

    backfill: ScoreBackfill
    rest: float


async def continue_backfill(backfill_id: UUID, pace: Pace) -> Progress:
    """Deal with a chunk in a transaction of its own."""
    pace.begin()
    async with transaction() as session:
        backfill = await backfill_chunk(session, backfill_id)
    return Progress(backfill, pace.rest_unhurried())
