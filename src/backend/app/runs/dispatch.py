"""After the commit: hand run ids to Celery without delaying or failing the run.

A thread of its own talks to the broker:

1. `enqueue` queues ids and returns; beyond `QUEUE_SIZE` they are dropped.
2. The thread wakes with the first id and gathers more, for longer under load.
3. It sends one message. After a failure it drops the message's ids and waits `PAUSE_AFTER_FAILURE`.

What is dropped is not lost: the row itself says that it is unscored, and the sweep scores it later.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from celery import Celery

from app import metrics
from app.broker import SCORE_RUN, celery_settings
from app.config import get_settings
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.runs.calibration import (
    CLOSE_TIMEOUT,
    GATHER_SECONDS,
    GATHER_SECONDS_UNDER_LOAD,
    MESSAGE_SIZE,
    PAUSE_AFTER_FAILURE,
    QUEUE_SIZE,
)

log = get_logger(__name__)


class Dispatcher:
    """Sends run ids to the scoring tasks from a background thread; `None` as broker sends nothing."""

    def __init__(self, broker_url: str | None) -> None:
        self._broker_url = broker_url
        self._ids: deque[UUID] = deque()
        self._sending: list[UUID] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._sent_at = float("-inf")

    def enqueue(self, run_ids: Sequence[UUID]) -> None:
        """Queue `run_ids` for the broker and return at once."""
        if not run_ids or self._broker_url is None:
            return
        with self._wake:
            waiting = len(self._ids)
            room = QUEUE_SIZE - waiting
            self._ids.extend(run_ids[:room])
            metrics.DISPATCH_FAILED.inc(max(0, len(run_ids) - room))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
                self._thread.start()
            # The thread waits for the first id, and then for a message's worth.
            if waiting == 0 or waiting < MESSAGE_SIZE <= len(self._ids):
                self._wake.notify()

    async def close(self) -> None:
        """Send what is queued, for at most `CLOSE_TIMEOUT`, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is None:
            return
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT)
        if self._thread.is_alive() and (unsent := [*self._sending, *self._ids]):
            _note_failure(unsent, "the broker does not answer")

    def _run(self) -> None:
        app = Celery("runlog-dispatch", set_as_current=False)
        while (ids := self._next()) is not None:
            try:
                app.conf.update(celery_settings(self._broker_url or ""))
                _send(app, ids)
            except Exception as error:  # noqa: BLE001  # of any kind: the sweep makes up for it
                _note_failure(ids, str(error))
                with self._wake:
                    self._wake.wait_for(lambda: self._closing, PAUSE_AFTER_FAILURE)
            else:
                metrics.DISPATCHED.inc(len(ids))
        app.close()

    def _is_full(self) -> bool:
        return len(self._ids) >= MESSAGE_SIZE or self._closing

    def _next(self) -> list[UUID] | None:
        """The next message's ids; `None` when closing and all is sent."""
        with self._wake:
            self._wake.wait_for(lambda: self._ids or self._closing)
            since = time.monotonic() - self._sent_at
            self._wake.wait_for(self._is_full, max(GATHER_SECONDS, GATHER_SECONDS_UNDER_LOAD - since))
            self._sent_at = time.monotonic()
            self._sending = [self._ids.popleft() for _ in range(min(len(self._ids), MESSAGE_SIZE))]
            return self._sending or None


def _note_failure(ids: Sequence[UUID], error: str) -> None:
    metrics.DISPATCH_FAILED.inc(len(ids))
    log.warning("score_dispatch_failed", runs=len(ids), first_run_id=str(ids[0]), error=error)


def _send(app: Celery, ids: Sequence[UUID]) -> None:
    first, *others = map(str, ids)
    if not others:
        app.send_task(SCORE_RUN, (first,), retry=False)
    else:
        # Without argsrepr Celery renders the first thousand characters of it, a fifth of its time.
        shown = f"('{first}', [{len(others)} more])"
        app.send_task(SCORE_RUN, (first, others), retry=False, argsrepr=shown)


def _make() -> Dispatcher:
    broker_url = get_settings().celery_broker_url
    return Dispatcher(broker_url.get_secret_value() if broker_url else None)


_dispatcher = LoopLocal(_make, Dispatcher.close)


def get_dispatcher() -> Dispatcher:
    """The running loop's dispatcher."""
    return _dispatcher.get()


async def close_dispatcher() -> None:
    """Send what is queued and close the running loop's dispatcher."""
    await _dispatcher.close()
