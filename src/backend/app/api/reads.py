"""Reads beside the reports: no number of them delays a report, or says that none can be recorded.

A report takes microseconds of the server's event loop, a page of agents or a search tenths of a second. So
reads have an event loop of their own, in a thread, with their own connections to the database. A read takes
these steps:

1. It waits in the server's loop for one of `MOST_READS` places, for `WAIT_SECONDS` at most. One that gets no
   place, or finds `MOST_WAITING` before it, is answered with 503 and `Retry-After`.
2. The application answers it in the readers' loop; the answer is collected.
3. The answer is sent from the server's loop. Answers that clients do not take hold `MOST_UNSENT_BYTES` at
   most: beyond that reads are refused until they are taken, or their connections ended.

Health checks are answered in the server's loop: they ask whether that one can work. So are streams, which
last as long as their readers, and files, which are in memory.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import uvloop
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import unavailable
from app.kit.loop_local import LoopLocal

MOST_READS = 4
"""At a time in a process, below the connections that it keeps for them (`db.session`): on few processors more
take the database from the reports."""

WAIT_SECONDS = 2.0
"""For a place: a person waits so long, and a client that repeats its reads without end is slowed down."""

MOST_WAITING = 256
"""Reads that wait for a place, of a few kilobytes each; more than dashboards and scripts ask for at once."""

MOST_UNSENT_BYTES = 64 * 1024 * 1024
"""Of answers on their way, in a process: as much as requests that are not whole may hold."""

_READING = frozenset({"GET", "HEAD"})
_IN_SERVERS_LOOP = ("/healthz", "/readyz", "/live", "/static/")


class Readers:
    """The readers' event loop and its places, for one event loop of a server."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_READS)
        self._waiting = 0
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="readers", daemon=True)
        self._thread.start()
        self.unsent_bytes = 0

    async def run(self, read: Coroutine[Any, Any, None]) -> bool:
        """Run `read` in the readers' loop; False where there is no place for it."""
        if not await self._find_place():
            read.close()
            return False
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(read, self._loop))
        finally:
            self._places.release()
        return True

    async def _find_place(self) -> bool:
        if self._waiting >= MOST_WAITING or self.unsent_bytes > MOST_UNSENT_BYTES:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End what goes on in the loop, its connections too, and the thread."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_end_all_tasks(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_all_tasks() -> None:
    """As `asyncio.run` does: what is bound to the loop closes then."""
    await asyncio.sleep(0)  # a task that is cancelled before it began closes nothing
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_readers = LoopLocal(Readers, Readers.close)


async def close_readers() -> None:
    """Close the running loop's readers, if there was a read."""
    await _readers.close()


class ReadsApart:
    """ASGI middleware that has reads answered in the readers' loop, and everything else where it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] != "http"
            or scope["method"] not in _READING
            or scope["path"].startswith(_IN_SERVERS_LOOP)
        ):
            await self._app(scope, receive, send)
            return
        readers = _readers.get()
        answer: list[Message] = []
        if await readers.run(self._read(scope, answer)):
            await _send(readers, answer, send)
        else:
            await unavailable("too many reads at once")(scope, receive, send)

    async def _read(self, scope: Scope, answer: list[Message]) -> None:
        async def collect(message: Message) -> None:
            answer.append(message)

        await self._app(scope, _no_body, collect)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(readers: Readers, answer: list[Message], send: Send) -> None:
    size = sum(len(message.get("body", b"")) for message in answer)
    readers.unsent_bytes += size
    try:
        for message in answer:
            await send(message)
    finally:
        readers.unsent_bytes -= size
