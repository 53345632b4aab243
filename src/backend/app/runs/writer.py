"""Group commit: runs that arrive while a commit is under way share the next one.

An idle run goes alone, at once. Under load, what has gathered becomes one statement and one commit,
and every caller is answered after the commit that holds its own row. A second commit is started beside
the first when a run has waited for it for many milliseconds: a lock or a disk holds it up.

While the database is away nobody waits for it: runs are refused at once, until a probe that goes on
in the background reaches it again.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import metrics
from app.config import get_settings
from app.db.session import make_engine
from app.errors import IdempotencyConflictError, IngestUnavailableError, InvalidRunError
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.runs.connection import OUTAGES, Lane, UnansweredError, UnreachableError
from app.runs.dispatch import Dispatcher, get_dispatcher
from app.runs.run import Run
from app.runs.statements import Holders

log = get_logger(__name__)

_REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)
# Whoever keeps one agent's state locked, or was cut off in a transaction, may not stop the other agents.
_SESSION = {"lock_timeout": "3s", "idle_in_transaction_session_timeout": "5s"}
_BATCH_BYTES = 8 * 1024 * 1024
_OVERDUE_SECONDS = 0.02
_PATIENCE = 1.0
_RESOLVE_SECONDS = 6.0
_RETRY_PAUSE = 0.1
_TAKEN = ("this key was used for another payload", "header", "Idempotency-Key")


class Answer(Protocol):
    """Whom to tell what became of a run: an `asyncio.Future[UUID]`, or what stands for one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, run_id: UUID, /) -> None:
        """The run is committed, in the row `run_id`."""

    def set_exception(self, error: Exception, /) -> None:
        """It is not: `IngestUnavailableError` or `InvalidRunError`."""


class Pending(NamedTuple):
    """A run that waits for its commit, since a moment of the event loop's clock."""

    run: Run
    answer: Answer
    since: float


class RunWriter:
    """Writes runs through `engine` in at most `connections` commits at a time.

    `queue_size` runs, of `queue_bytes` of JSON in all, may wait.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        dispatcher: Dispatcher,
        *,
        queue_size: int,
        queue_bytes: int,
        batch_size: int,
        connections: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()  # asking for it is a system call, too dear for every run
        self._engine = engine
        self._dispatcher = dispatcher
        self._queue_size = queue_size
        self._queue_bytes = queue_bytes
        self._batch_size = batch_size
        self._connections = connections
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self._lanes: set[asyncio.Task[None]] = set()
        self._spare: list[Lane] = []  # the pool's way takes longer than a short statement
        self._probe: asyncio.Task[None] | None = None
        self._look_again: asyncio.TimerHandle | None = None

    async def write(self, run: Run) -> UUID:
        """Commit `run` and return the id of its row, or of the row its idempotency key made before.

        Raises `IngestUnavailableError` when it was not committed and may be sent again,
        `InvalidRunError` when the database refuses it, `IdempotencyConflictError` when its key
        belongs to another payload.
        """
        answer: asyncio.Future[UUID] = self._loop.create_future()
        self.submit(run, answer)
        return await answer

    def submit(self, run: Run, answer: Answer) -> None:
        """Queue `run` for the next commit, which tells `answer`, and return at once.

        Raises `IngestUnavailableError` when the queue is full or the database is known to be away.
        """
        if self._probe is not None:
            metrics.RUNS_REFUSED.labels("database_away").inc()
            raise IngestUnavailableError("the database is not available")
        size = len(run.actions_json)
        if len(self._queue) >= self._queue_size or (
            self._queue and self._queued_bytes + size > self._queue_bytes
        ):
            metrics.RUNS_REFUSED.labels("queue_full").inc()
            raise IngestUnavailableError("the ingest queue is full")
        self._queue.append(Pending(run, answer, self._loop.time()))
        self._queued_bytes += size
        if len(self._queue) == 1:
            # Not at once, so that all that this turn of the loop brings goes together.
            self._loop.call_soon(self._open_lanes)

    async def drain(self) -> None:
        """Wait until every run accepted so far has its answer."""
        while self._queue or self._lanes:
            self._open_lanes()
            await asyncio.wait(self._lanes)

    async def close(self) -> None:
        """Answer every accepted run, then close the connections."""
        await self.drain()
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe])
        await self._disconnect()

    def _open_lanes(self) -> None:
        while len(self._lanes) < self._connections and self._is_worth_a_lane():
            lane = self._loop.create_task(self._commit_batches(self._next_batch()))
            self._lanes.add(lane)
            lane.add_done_callback(self._lane_done)
        if self._queue and self._look_again is None:
            self._look_again = self._loop.call_later(_OVERDUE_SECONDS, self._look)

    def _is_worth_a_lane(self) -> bool:
        """Whether runs wait, and are not about to be taken by the lane that is open already.

        One lane is enough for more than a process can receive, and has the largest batches: a commit of
        one run costs nearly that of twenty. A second one is for when the first is held up.
        """
        return bool(self._queue) and (
            not self._lanes or self._loop.time() - self._queue[0].since >= _OVERDUE_SECONDS
        )

    def _look(self) -> None:
        """Let go what has waited for so long that its sender would give up before its commit."""
        self._look_again = None
        if overdue := self._take_while_since(self._loop.time() - _PATIENCE):
            metrics.RUNS_REFUSED.labels("queue_slow").inc(len(overdue))
            log.warning("ingest_slow", runs=len(overdue))
            _fail(overdue, IngestUnavailableError("the database is slow and the run was not committed"))
        self._open_lanes()

    def _next_batch(self) -> list[Pending]:
        batch: list[Pending] = []
        size = 0
        while self._queue and len(batch) < self._batch_size and size < _BATCH_BYTES:
            pending = self._queue.popleft()
            size += len(pending.run.actions_json)
            batch.append(pending)
        self._queued_bytes -= size
        metrics.QUEUED.set(len(self._queue))
        return batch

    def _take_while_since(self, moment: float) -> list[Pending]:
        taken = []
        while self._queue and self._queue[0].since <= moment:
            taken.append(self._queue.popleft())
        self._queued_bytes -= sum(len(pending.run.actions_json) for pending in taken)
        return taken

    def _lane_done(self, lane: asyncio.Task[None]) -> None:
        self._lanes.discard(lane)
        if not lane.cancelled() and (error := lane.exception()):
            log.error("ingest_failed", exc_info=error)
        self._open_lanes()

    async def _commit_batches(self, batch: list[Pending]) -> None:
        """Commit `batch`, and what has gathered by then, until the queue is empty."""
        lane = self._spare.pop() if self._spare else Lane(self._engine)
        try:
            while batch:
                await self._commit(lane, batch)
                batch = self._next_batch()
        except BaseException:  # also when cancelled: nobody may wait for ever
            # In the loop's next turn as well, after what is committed has its answer.
            self._loop.call_soon(_fail, batch, IngestUnavailableError("the run was not committed"))
            await lane.release()
            raise
        self._spare.append(lane)

    async def _disconnect(self) -> None:
        """Close every connection that is not in use."""
        while self._spare:
            await self._spare.pop().release()
        await self._engine.dispose()

    async def _commit(self, lane: Lane, batch: Sequence[Pending]) -> None:
        started = time.perf_counter()
        try:
            holders = await self._store(lane, [pending.run for pending in batch])
        except _REFUSALS as error:
            await self._split(lane, batch, error)
        except (*OUTAGES, UnreachableError, UnansweredError) as error:
            reason = error.__cause__ or error
            log.warning("ingest_unavailable", runs=len(batch), error=str(reason) or type(reason).__name__)
            metrics.RUNS_REFUSED.labels("database_away").inc(len(batch))
            _fail(batch, IngestUnavailableError("the database is not available"))
            if isinstance(error, (UnreachableError, asyncpg.ReadOnlySQLTransactionError)):
                self._suspend()
        else:
            took = time.perf_counter() - started
            # In the loop's next turn, so that the database has the next batch meanwhile.
            self._loop.call_soon(self._answer, batch, holders, took)

    async def _split(self, lane: Lane, batch: Sequence[Pending], error: Exception) -> None:
        """The database refused a row of `batch`: halve it until the row stands alone."""
        if len(batch) > 1:
            await self._commit(lane, batch[: len(batch) // 2])
            await self._commit(lane, batch[len(batch) // 2 :])
            return
        metrics.RUNS_REFUSED.labels("database").inc()
        log.warning("run_refused_by_database", agent_id=batch[0].run.agent_id, error=str(error))
        _fail(batch, InvalidRunError.of(f"the database refuses this run: {error}", "body"))

    async def _store(self, lane: Lane, runs: list[Run]) -> Holders:
        try:
            return await lane.store(runs, retried=False)
        except UnansweredError as lost:
            log.warning("ingest_retried", runs=len(runs), error=repr(lost.__cause__))
            return await self._find_out(lane, runs, lost)

    async def _find_out(self, lane: Lane, runs: list[Run], lost: UnansweredError) -> Holders:
        """Commit those of `runs` that the lost attempt did not: their ids tell which.

        Whoever is refused sends again. So those who may be in the log already wait for the truth, for
        a few seconds, in which a server that was restarted is back. After that `lost` is raised.
        """
        give_up = self._loop.time() + _RESOLVE_SECONDS
        while self._loop.time() < give_up:
            try:
                return await lane.store(runs, retried=True)
            except UnansweredError:
                await asyncio.sleep(_RETRY_PAUSE)
            except UnreachableError:
                await asyncio.wait([self._suspend()], timeout=give_up - self._loop.time())
            except asyncpg.UniqueViolationError as error:
                # Ours after all: the server went on with the lost attempt and has committed it now.
                if error.constraint_name != "agent_run_log_pkey":
                    raise
        raise lost

    def _suspend(self) -> "asyncio.Task[None]":
        """Refuse runs at once until the database answers again, which ends the task that is returned."""
        if self._probe is None:
            self._probe = asyncio.create_task(self._wait_for_database())
            waiting = self._take_while_since(self._loop.time())
            metrics.RUNS_REFUSED.labels("database_away").inc(len(waiting))
            _fail(waiting, IngestUnavailableError("the database is not available"))
        return self._probe

    async def _wait_for_database(self) -> None:
        # What is spare or pooled was lost together with what was in use.
        await self._disconnect()
        while True:
            with suppress(*OUTAGES):
                async with self._engine.connect() as connection:
                    if (await connection.execute(text("SHOW transaction_read_only"))).scalar_one() == "off":
                        break
            await asyncio.sleep(_RETRY_PAUSE)
        log.info("ingest_available")
        self._probe = None

    def _answer(self, batch: Sequence[Pending], holders: Holders, took: float) -> None:
        inserted = []
        for run, answer, _ in batch:
            holder, digest = holders.get(run.key, (run.id, b"")) if holders else (run.id, b"")
            if holder == run.id:
                inserted.append(run)
            elif digest == run.digest():
                metrics.RUNS_REPEATED.inc()
            else:
                metrics.RUNS_REFUSED.labels("idempotency_conflict").inc()
                if not answer.done():
                    answer.set_exception(IdempotencyConflictError.of(*_TAKEN))
            if not answer.done():
                answer.set_result(holder)
        metrics.BATCH_SIZE.observe(len(batch))
        metrics.COMMIT_SECONDS.observe(took)
        for status, count in Counter(run.status for run in inserted).items():
            metrics.RUNS.labels(status).inc(count)
        self._dispatcher.enqueue([run.id for run in inserted])


def _fail(batch: Sequence[Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.answer.done():
            pending.answer.set_exception(error)


def _make() -> RunWriter:
    settings = get_settings()
    return RunWriter(
        # A pool of its own: readers that wait for the database must not keep runs from being recorded.
        # A ping takes three round trips, a commit one; what a ping would find, a retry mends.
        make_engine(pool_size=settings.ingest_connections, pre_ping=False, session=_SESSION),
        get_dispatcher(),
        queue_size=settings.ingest_queue_size,
        queue_bytes=settings.ingest_queue_bytes,
        batch_size=settings.ingest_batch_size,
        connections=settings.ingest_connections,
    )


_writer = LoopLocal(_make, RunWriter.close)


def get_writer() -> RunWriter:
    """The running loop's writer. Raises `ConfigError` without a `DATABASE_URL`."""
    return _writer.get()


async def close_writer() -> None:
    """Answer every accepted run, then let the running loop's writer go."""
    await _writer.close()
