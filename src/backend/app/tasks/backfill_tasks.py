"""The backfills that the system itself opened, a little at a time beside everything else."""

import asyncio
import time
from uuid import UUID

from app.db.session import transaction
from app.errors import NotFoundError
from app.logs import get_logger
from app.scoring.backfills import give_up_backfill, open_system_backfills
from app.tasks.backfills import continue_backfill
from app.tasks.calibration import BACKFILL_SHARE
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import new_pace
from app.tasks.runtime import run_async
from app.tasks.schedule import BACKFILL_SECONDS

log = get_logger(__name__)

_pace = new_pace()


@celery_app.task
def continue_backfills() -> None:
    """Go on with the system's backfills for a while; beat asks again."""
    run_async(_continue())


async def _continue() -> None:
    ends = time.monotonic() + BACKFILL_SHARE * BACKFILL_SECONDS
    with postponed_on_outage("backfills_postponed"):
        async with transaction() as session:
            backfill_ids = await open_system_backfills(session)
        for backfill_id in backfill_ids:
            await _continue_one(backfill_id, ends)


async def _continue_one(backfill_id: UUID, ends: float) -> None:
    delay = 0.0
    # New runs wait behind this task, so a delay beyond its end is left to the next one.
    while time.monotonic() + delay < ends:
        await asyncio.sleep(delay)
        try:
            backfill, delay = await continue_backfill(backfill_id, _pace)
        except NotFoundError as error:
            log.warning("backfill_given_up", backfill_id=str(backfill_id), error=str(error))
            async with transaction() as session:
                await give_up_backfill(session, backfill_id, str(error))
            return
        if backfill.finished_at is not None:
            log.info("backfill_finished", backfill_id=str(backfill_id), scored=backfill.scored)
            return
