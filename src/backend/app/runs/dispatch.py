"""After the commit: hand run ids to Celery without delaying or failing the run.

A thread of its own talks to the broker. What the broker does not take is dropped here on
purpose: the row itself says that it is unscored, and the sweep scores it later.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from celery import Celery

from app import metrics
from app.broker import SCORE_RUN, SCORE_RUNS, celery_settings
from app.config import get_settings
from app.kit.loop_local import LoopLocal
from app.logs import get_logger

log = get_logger(__name__)

_QUEUE_SIZE = 50_000
_MESSAGE_SIZE = 500
# Runs come in one by one, and a message costs as much as recording several of them. Scoring few at a time
# costs more still, so under load, which is when a message went out just now, more are gathered.
_GATHER = 0.05
_GATHER_UNDER_LOAD = 0.5
_PAUSE_AFTER_FAILURE = 1.0
_CLOSE_TIMEOUT = 5.0


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
        """Take `run_ids` and return at once."""
        if not run_ids or self._broker_url is None:
            return
        with self._wake:
            waiting = len(self._ids)
            room = _QUEUE_SIZE - waiting
            self._ids.extend(run_ids[:room])
            metrics.DISPATCH_FAILED.inc(max(0, len(run_ids) - room))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
                self._thread.start()
            # What the thread waits for: anything at all, then a message's worth.
            if waiting == 0 or waiting < _MESSAGE_SIZE <= len(self._ids):
                self._wake.notify()

    async def close(self) -> None:
        """Send what is queued, for at most a few seconds, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is None:
            return
        await asyncio.to_thread(self._thread.join, _CLOSE_TIMEOUT)
        if self._thread.is_alive() and (unsent := [*self._sending, *self._ids]):
            _note_failure(unsent, "the broker does not answer")

    def _run(self) -> None:
        app = Celery("runlog-dispatch", set_as_current=False)
        while (ids := self._next()) is not None:
            try:
                app.conf.update(celery_settings(self._broker_url or ""))
                _send(app, ids)
            except Exception as error:  # noqa: BLE001  # whatever it is, the sweep makes up for it
                _note_failure(ids, str(error))
                with self._wake:
                    self._wake.wait_for(lambda: self._closing, _PAUSE_AFTER_FAILURE)
            else:
                metrics.DISPATCHED.inc(len(ids))
        app.close()

    def _is_full(self) -> bool:
        return len(self._ids) >= _MESSAGE_SIZE or self._closing

    def _next(self) -> list[UUID] | None:
        """The next message's ids; `None` when closing and all is sent."""
        with self._wake:
            self._wake.wait_for(lambda: self._ids or self._closing)
            since = time.monotonic() - self._sent_at
            self._wake.wait_for(self._is_full, max(_GATHER, _GATHER_UNDER_LOAD - since))
            self._sent_at = time.monotonic()
            self._sending = [self._ids.popleft() for _ in range(min(len(self._ids), _MESSAGE_SIZE))]
            return self._sending or None


def _note_failure(ids: Sequence[UUID], error: str) -> None:
    metrics.DISPATCH_FAILED.inc(len(ids))
    log.warning("score_dispatch_failed", runs=len(ids), first_run_id=str(ids[0]), error=error)


def _send(app: Celery, ids: Sequence[UUID]) -> None:
    if len(ids) == 1:
        app.send_task(SCORE_RUN, (str(ids[0]),), retry=False)
    else:
        # Without one Celery would make a text of the first thousand characters, a fifth of all it does.
        shown = f"([{len(ids)} runs],)"
        app.send_task(SCORE_RUNS, ([str(run_id) for run_id in ids],), retry=False, argsrepr=shown)


def _make() -> Dispatcher:
    broker_url = get_settings().celery_broker_url
    return Dispatcher(broker_url.get_secret_value() if broker_url else None)


_dispatcher = LoopLocal(_make, Dispatcher.close)


def get_dispatcher() -> Dispatcher:
    """The running loop's dispatcher."""
    return _dispatcher.get()


async def close_dispatcher() -> None:
    """Send what is queued and let the running loop's dispatcher go."""
    await _dispatcher.close()
