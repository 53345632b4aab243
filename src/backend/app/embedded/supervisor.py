"""Start servers and services, keep them running, and stop them in order."""

import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType

from app.embedded import log_files
from app.embedded.messages import say
from app.embedded.parts import Part
from app.embedded.process import Child, EmbeddedServerError
from app.embedded.server import Server
from app.embedded.service import Service
from app.kit.backoff import Backoff

# In seconds, for each server and for the first service: long, for a busy machine starts slowly.
READY_TIMEOUT = 120.0
# In seconds, for each child: longer than the 10 that `runlog serve` leaves open requests.
STOP_TIMEOUT = 20.0
# A child that ends so often within so many seconds before all are started ends the start.
RESTARTS = 5
RESTART_WINDOW = 60.0
# Afterwards each is started again for ever: at once, and where it ended again within `RESTART_WINDOW`
# seconds, after these delays. The longest is what runs or scores wait for at most when the cause is gone.
RESTART_DELAYS = Backoff.exponential(timedelta(seconds=1), timedelta(seconds=30))
# Seconds between two looks at the children: short beside any start, and too rare to show as processor time.
TICK = 0.05


@dataclass
class _Restarts:
    """How often a child has ended soon after its start, and when it is to be started again."""

    started: float = 0.0
    """On the monotonic clock, as `due`."""
    since: float = 0.0
    """The same moment in seconds since 1970."""
    starts: int = 0
    failures: int = 0
    due: float | None = None
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS))

    def note_start(self) -> None:
        """It is being started now."""
        self.due, self.started, self.since = None, time.monotonic(), time.time()
        self.starts += 1


class _StopRequested(BaseException):
    """A signal asked us to stop: not an error, so nothing that handles errors may catch it."""


class Supervisor:
    """Runs servers and services until a signal asks it to stop, and restarts what ends before, for ever.

    It starts

    1. all `servers` at once, calls `load` meanwhile, and waits until each is ready;
    2. `migration`, and waits for its end;
    3. the first of `services`, alone until it `answers`, so that it has the processors; calls `on_answer`;
    4. the other services; calls `on_ready` as soon as everything `is_ready`, however long that takes: the
       first service has its use without them.

    `on_change` gets all parts that were started, whenever one is started or has ended. None of `logs` becomes
    longer than `LOG_LIMIT`.

    It stops each service in its order, then each server: every one gets its stop signal and `STOP_TIMEOUT`
    seconds to end, and SIGKILL after them.
    """

    def __init__(
        self,
        *,
        servers: Sequence[Server],
        load: Callable[[], None],
        migration: Service,
        services: Sequence[Service],
        answers: Callable[[], bool],
        on_answer: Callable[[], None],
        is_ready: Callable[[], bool],
        on_ready: Callable[[], None],
        on_change: Callable[[Sequence[Part]], None],
        logs: Sequence[Path],
    ) -> None:
        self._servers = servers
        self._load = load
        self._migration = migration
        self._services = services
        self._answers = answers
        self._on_answer = on_answer
        self._is_ready = is_ready
        self._on_ready = on_ready
        self._on_change = on_change
        self._logs = logs
        self._running: list[Child] = []
        self._restarts: dict[str, _Restarts] = defaultdict(_Restarts)
        self._started = False
        self._stop_requested = False

    def run(self) -> None:
        """Run from the main thread until SIGINT, SIGTERM or SIGHUP, then stop everything.

        Raises `EmbeddedServerError` when something does not start or does not stay up.
        """
        self._handle_signals()
        try:
            self._start()
            while not self._is_ready():
                self._keep_running()
            self._on_ready()
            while True:
                self._keep_running()
        except _StopRequested:
            say("stopping")
        finally:
            self._stop()
        say("stopped")

    def _handle_signals(self) -> None:
        def request_stop(_signal: int, _frame: FrameType | None) -> None:
            self._stop_requested = True

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What nohup ignores stays ignored.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, request_stop)

    def _start(self) -> None:
        for server in self._servers:
            self._launch(server)
        self._load()
        for server in self._servers:
            self._wait_for(server.is_ready, server.name, self._pause)
            say(f"{server.name} is ready on 127.0.0.1:{server.port}, its log is {server.log}")
        self._migrate()
        first, *others = self._services
        self._launch(first)
        self._wait_for(self._answers, first.name, self._keep_running)
        self._on_answer()
        for service in others:
            self._launch(service)
        self._started = True

    def _launch(self, child: Child) -> None:
        if self._stop_requested:
            raise _StopRequested
        self._restarts[child.name].note_start()
        child.launch()
        self._running.append(child)
        self._report_change()

    def _migrate(self) -> None:
        self._migration.launch()
        try:
            while (status := self._migration.poll()) is None:
                self._pause()
        finally:
            self._migration.terminate()
            self._migration.finish(STOP_TIMEOUT)
        if status != 0:
            raise EmbeddedServerError(f"the {self._migration.name} failed with status {status}")

    def _wait_for(self, condition: Callable[[], bool], name: str, meanwhile: Callable[[], None]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"{name} was not ready after {READY_TIMEOUT:.0f} s")
            meanwhile()

    def _keep_running(self) -> None:
        """Start what has ended again, when it is due, then pause."""
        for child in self._running:
            restarts = self._restarts[child.name]
            if restarts.due is None:
                status = child.poll()
                if status is not None:
                    self._note_end(child.name, restarts, status)
            elif restarts.due <= time.monotonic():
                self._start_again(child, restarts)
        self._pause()

    def _note_end(self, name: str, restarts: _Restarts, status: int) -> None:
        now = time.monotonic()
        restarts.ends.append(now)
        if not self._started and len(restarts.ends) == RESTARTS and now - restarts.ends[0] < RESTART_WINDOW:
            raise EmbeddedServerError(
                f"{name} ended {RESTARTS} times within {RESTART_WINDOW:.0f} s, "
                f"the last time with status {status}"
            )
        if now - restarts.started > RESTART_WINDOW:
            restarts.failures = 0
        self._postpone(f"{name} ended with status {status}", restarts)

    def _postpone(self, event: str, restarts: _Restarts) -> None:
        seconds = 0.0
        if self._started and restarts.failures:
            seconds = RESTART_DELAYS.delay(restarts.failures).total_seconds()
        restarts.failures += 1
        restarts.due = time.monotonic() + seconds
        self._report_change()
        say(f"{event}: starting it again{f' in {seconds:.0f} s' if seconds else ''}")

    def _start_again(self, child: Child, restarts: _Restarts) -> None:
        restarts.note_start()
        try:
            child.launch()
        except EmbeddedServerError as error:
            if not self._started:
                raise
            self._postpone(str(error), restarts)
        else:
            self._report_change()

    def _report_change(self) -> None:
        of = self._restarts
        self._on_change(
            [
                Part(
                    child.name,
                    child.pid,
                    of[child.name].since,
                    of[child.name].starts,
                    running=of[child.name].due is None,
                )
                for child in self._running
            ]
        )

    def _pause(self) -> None:
        time.sleep(TICK)
        for log in self._logs:
            with suppress(OSError):  # a full disk must not end what runs
                log_files.bound(log)
        if self._stop_requested:
            raise _StopRequested

    def _stop(self) -> None:
        children: list[Child] = [*self._services, *self._servers]
        for child in children:
            child.terminate()
            child.finish(STOP_TIMEOUT)
