"""What tells open pages that something has changed: a stream of signals, no content.

A browser has one stream, however many of its tabs are open (`static/stream.js`). A process asks the database
once for all its streams, and only while there is one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.api.connection import STOPPING
from app.api.errors import unavailable
from app.config import get_settings
from app.dashboard.changes import Changes, read_changes
from app.db.replica import reading
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.web.rendering import LIVE_PATH

LEAST_POLL_SECONDS = 0.25
"""Between two looks at the database: with the loading of a page, a change shows within a second."""

POLLS_A_LOAD = 10
"""Looks at the most in the time that a page lets pass between two loads."""

AFTER_FAILURE_SECONDS = 2.0
"""Before the next look where the database could not be asked."""

REPEAT_SECONDS = 15.0
"""After which a stream says again how things stand, so that a reader knows that it is alive."""

RETRY_MILLISECONDS = 2_000
"""After which a browser connects again."""

MOST_STREAMS = 2_000
"""Of a process, each of which takes about 20 kilobytes."""

SECONDS_A_STREAM = 0.05
"""Of time between two loads of a page, for each open stream: together they load 20 pages a second at most."""

STALE_SECONDS_A_STREAM = 0.005
"""How old a page may be that several readers are given, for each open stream: 200 make one a second."""

MOST_STALE_SECONDS = 1.0

LEAST_PACE_SECONDS = 1.0

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)


class Watcher:
    """Looks for changes while there are readers, for the streams of one event loop.

    `changes` is how things stand, None before the first look; `upcoming` is set by the next change.
    """

    def __init__(self) -> None:
        self.streams = 0
        self.changes: Changes | None = None
        self.upcoming = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Look for changes during the block."""
        self.streams += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            self.streams -= 1
            if not self.streams and self._looking:
                self._looking.cancel()
                self._looking = self.changes = None

    @property
    def staleness(self) -> float:
        """Seconds that a page may be old which one reader is given after another."""
        return min(MOST_STALE_SECONDS, self.streams * STALE_SECONDS_A_STREAM)

    @property
    def pace(self) -> float:
        """Seconds that a page lets pass between two loads, so that all of them together take little."""
        return max(LEAST_PACE_SECONDS, self.streams * SECONDS_A_STREAM)

    async def _look(self) -> None:
        interval = timedelta(seconds=get_settings().audit_interval)
        while True:
            try:
                async with reading() as (session, _):
                    found = await read_changes(session, interval)
            except (DBAPIError, PoolTimeoutError, OSError) as error:
                log.warning("changes_not_read", error=str(error) or type(error).__name__)
                await asyncio.sleep(AFTER_FAILURE_SECONDS)
            else:
                if found != self.changes:
                    self.changes = found
                    self.upcoming.set()
                    self.upcoming = asyncio.Event()
            await asyncio.sleep(max(LEAST_POLL_SECONDS, self.pace / POLLS_A_LOAD))

    async def close(self) -> None:
        """Look no more."""
        if self._looking:
            self._looking.cancel()


_watcher = LoopLocal(Watcher, Watcher.close)


async def close_watcher() -> None:
    """End the running loop's looking for changes."""
    await _watcher.close()


async def note_versions(request: Request) -> None:
    """Note before anything is read what a page will show at least, which its script compares."""
    watcher: Watcher | None = getattr(request.app.state, "watcher", None)
    changes = watcher.changes if watcher else None
    request.state.versions = dict(changes.versions) if changes else {}
    request.state.staleness = watcher.staleness if watcher and changes else 0.0


@router.get(LIVE_PATH)
async def stream_changes(request: Request) -> Response:
    """Signals that something has changed, until the reader or the server ends."""
    watcher = request.app.state.watcher = _watcher.get()
    if watcher.streams >= MOST_STREAMS:
        return unavailable("too many pages are open")
    stopping: asyncio.Event = getattr(request.state, STOPPING, None) or asyncio.Event()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(watcher, stopping), media_type="text/event-stream", headers=headers)


async def _events(watcher: Watcher, stopping: asyncio.Event) -> AsyncIterator[bytes]:
    with watcher.listening():
        ended = asyncio.ensure_future(stopping.wait())
        retry: int | None = RETRY_MILLISECONDS
        try:
            while not ended.done():
                change = asyncio.ensure_future(watcher.upcoming.wait())
                if watcher.changes:
                    yield format_sse_event(
                        data_str=_json(watcher.changes, watcher.pace), event="state", retry=retry
                    )
                    retry = None
                await asyncio.wait(
                    (change, ended), timeout=REPEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                change.cancel()
        finally:
            ended.cancel()


def _json(changes: Changes, pace: float) -> str:
    message: dict[str, Any] = {**asdict(changes), "pace": pace}
    return json.dumps(message)
