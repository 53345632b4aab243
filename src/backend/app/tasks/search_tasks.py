"""Indexing the texts of runs, after they are sealed."""

import time

from app.db.session import transaction
from app.runs.search.index import index_more
from app.tasks.calibration import INDEX_PASS_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import new_pace
from app.tasks.runtime import run_async

_pace = new_pace()


@celery_app.task
def index_log() -> None:
    """Put runs of sealed leaves into the index that searches are answered from."""
    run_async(_index())


async def _index() -> None:
    more, ends = True, time.monotonic() + INDEX_PASS_SECONDS
    with postponed_on_outage("indexing_postponed"):
        while more and time.monotonic() < ends:
            _pace.begin()
            async with transaction() as session:
                more = await index_more(session)
            more = more and not await _pace.must_give_way()
