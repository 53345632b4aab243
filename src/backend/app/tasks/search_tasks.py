"""Indexing the texts of runs, after they are sealed."""

import time

from app.runs.search.index import index_more
from app.tasks.calibration import INDEX_PASS_SECONDS, INDEX_REST_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import new_pace
from app.tasks.passes import run_pass
from app.tasks.runtime import run_async

_pace = new_pace()
_rests_until = 0.0  # on the monotonic clock: this process has given way to runs that come in


@celery_app.task
def index_log() -> None:
    """Put runs of sealed leaves into the index that searches are answered from."""
    run_async(_index())


async def _index() -> None:
    global _rests_until
    if (now := time.monotonic()) < _rests_until:
        return
    ends, gives_way = now + INDEX_PASS_SECONDS, False
    with postponed_on_outage("indexing_postponed"):
        if _rests_until:
            _pace.begin()
            gives_way = await _pace.must_give_way()
        if not gives_way:
            gives_way = not await run_pass(index_more, ends, _pace) and time.monotonic() < ends
        _rests_until = time.monotonic() + INDEX_REST_SECONDS if gives_way else 0.0
