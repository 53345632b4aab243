"""The upkeep of what is derived from the log."""

from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.errors import DatabaseError
from app.logs import get_logger
from app.runs.rollup_merge import merge_rollups
from app.tasks.celery_app import celery_app
from app.tasks.runtime import run_async

log = get_logger(__name__)


@celery_app.task
def merge_shards() -> None:
    """Merge what backends keep apart in the rollups, and drop what is no longer read."""
    run_async(_merge())


async def _merge() -> None:
    try:
        with plain_errors():
            async with transaction() as session:
                await merge_rollups(session)
    except DatabaseError as error:
        log.warning("rollup_merge_put_off", error=str(error))
