"""Group commit: runs that arrive while a commit is under way share the next one.

The way of a run:

1. `submit` queues it, or refuses it while the database is away or the queue is full.
2. In the event loop's next turn a flush task takes it with all that has gathered, as one batch.
3. The batch is one statement and one commit on the task's connection.
4. After the commit every caller is answered, and the ids go to the dispatcher.
5. The task takes the next batch, until the queue is empty.

So an idle run is committed alone, at once. A second flush task starts beside the first only when a run is
overdue: a lock or a disk delays the first.

When the database is away, every queued run is refused at once, and so is each new one, until a background
probe reaches it again. A batch whose connection was lost after it was sent is resolved in doubt first.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import metrics
from app.config import get_settings
from app.db.problems import AWAY, SCHEMA_MISSING, problem
from app.db.session import make_engine
from app.errors import IdempotencyConflictError, IngestUnavailableError, InvalidRunError
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.runs.calibration import (
    ANSWER_SECONDS,
    BATCH_BYTES,
    DIGEST_CHARACTERS,
    LIMITS,
    OVERDUE_SECONDS,
    QUEUE_TIMEOUT,
    RETRY_PAUSE,
)
from app.runs.connection import (
    OUTAGES,
    CommitOutcomeUnknownError,
    IngestConnection,
    UnreachableError,
    reason_of_refusal,
)
from app.runs.dispatch import Dispatcher, get_dispatcher
from app.runs.merger import KEY_CONFLICT, REFUSALS, Answer, Merger
from app.runs.run import Run
from app.runs.statements import KeyOwner, KeyOwners
from app.tracing import span

log = get_logger(__name__)


class Pending(msgspec.Struct, frozen=True):
    """A run of `size` bytes that waits for its commit, `since` a moment of the loop's clock, in seconds."""

    run: Run
    size: int
    answer: Answer
    since: float


class RunWriter:
    """Writes runs through `engine` in at most `connections` commits at a time, of `batch_size` runs each.

    `queue_size` runs, whose texts take `queue_bytes` bytes in all, may wait.
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
        self._loop = asyncio.get_running_loop()  # asking for it is a system call, too slow for every run
        self._engine = engine
        self._dispatcher = dispatcher
        self._merger = Merger(engine, dispatcher)
        self._queue_size = queue_size
        self._queue_bytes = queue_bytes
        self._batch_size = batch_size
        self._connections = connections
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self._flushes: set[asyncio.Task[None]] = set()
        self._idle: list[IngestConnection] = []  # the pool takes longer than a short statement
        self._probe: asyncio.Task[None] | None = None
        self._overdue_check: asyncio.TimerHandle | None = None

    async def write(self, run: Run) -> UUID:
        """Commit `run` and return the id of its row, or of the row its idempotency key made before.

        Raises `IngestUnavailableError` when it was not committed and may be sent again,
        `InvalidRunError` when the database refuses it, `IdempotencyConflictError` when its key
        belongs to another payload.
        """
        with span("insert run", agent_id=run.agent_id):
            answer: asyncio.Future[UUID] = self._loop.create_future()
            self.submit(run, answer)
            return await answer

    def submit(self, run: Run, answer: Answer) -> None:
        """Queue `run` for the next commit, which sets `answer`, and return at once.

        Raises `IngestUnavailableError` when the queue is full or the database is known to be away.
        """
        if self._probe is not None:
            metrics.RUNS_REFUSED.labels("database_away").inc()
            raise IngestUnavailableError(AWAY)
        size = run.size
        if len(self._queue) >= self._queue_size or (
            self._queue and self._queued_bytes + size > self._queue_bytes
        ):
            metrics.RUNS_REFUSED.labels("queue_full").inc()
            raise IngestUnavailableError("the ingest queue is full")
        self._queue.append(Pending(run, size, answer, self._loop.time()))
        self._queued_bytes += size
        if len(self._queue) == 1:
            # In the loop's next turn, so that all that this one brings goes together.
            self._loop.call_soon(self._start_flushes)

    async def drain(self) -> None:
        """Wait until every run accepted so far has its answer."""
        while self._queue or self._flushes:
            self._start_flushes()
            await asyncio.wait(self._flushes)
        await self._merger.drain()

    async def close(self) -> None:
        """Answer every accepted run, then close the connections."""
        await self.drain()
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe])
        while self._idle:
            await self._idle.pop().release()
        await self._engine.dispose()

    def _start_flushes(self) -> None:
        while len(self._flushes) < self._connections and self._needs_flush():
            flush = self._loop.create_task(self._flush(self._next_batch()))
            self._flushes.add(flush)
            flush.add_done_callback(self._flush_done)
        if self._queue and self._overdue_check is None:
            self._overdue_check = self._loop.call_later(OVERDUE_SECONDS, self._refuse_overdue)

    def _needs_flush(self) -> bool:
        """Whether runs wait that the flush task under way is not about to take.

        One task is enough for more than a process can receive, and has the largest batches: a commit of
        one run costs nearly that of twenty. A second one is for when the first is delayed.
        """
        return bool(self._queue) and (
            not self._flushes or self._loop.time() - self._queue[0].since >= OVERDUE_SECONDS
        )

    def _refuse_overdue(self) -> None:
        """Refuse runs that have waited so long that their senders would give up before their commit."""
        self._overdue_check = None
        if overdue := self._take_while_since(self._loop.time() - QUEUE_TIMEOUT):
            metrics.RUNS_REFUSED.labels("queue_slow").inc(len(overdue))
            log.warning("ingest_slow", runs=len(overdue))
            _fail(overdue, IngestUnavailableError("the database is slow and the run was not committed"))
        self._start_flushes()

    def _next_batch(self) -> list[Pending]:
        batch: list[Pending] = []
        size = 0
        while self._queue and len(batch) < self._batch_size and size < BATCH_BYTES:
            pending = self._queue.popleft()
            size += pending.size
            batch.append(pending)
        self._queued_bytes -= size
        metrics.QUEUED.set(len(self._queue))
        return batch

    def _take_while_since(self, moment: float) -> list[Pending]:
        taken = []
        while self._queue and self._queue[0].since <= moment:
            taken.append(self._queue.popleft())
        self._queued_bytes -= sum(pending.size for pending in taken)
        return taken

    def _flush_done(self, flush: asyncio.Task[None]) -> None:
        self._flushes.discard(flush)
        if not flush.cancelled() and (error := flush.exception()):
            log.error("ingest_failed", exc_info=error)
        self._start_flushes()

    async def _flush(self, batch: list[Pending]) -> None:
        """Commit `batch`, and what has gathered by then, until the queue is empty."""
        connection = self._idle.pop() if self._idle else IngestConnection(self._engine)
        try:
            while batch:
                await self._commit(connection, batch)
                batch = self._next_batch()
        except BaseException:  # also when cancelled: no caller may wait for ever
            # In the loop's next turn as well, after what is committed has its answer.
            self._loop.call_soon(_fail, batch, IngestUnavailableError("the run was not committed"))
            connection.discard()  # it may have a transaction open, in which the next runs would be lost
            await connection.release()
            raise
        self._idle.append(connection)

    async def _commit(self, connection: IngestConnection, batch: Sequence[Pending]) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout_at(batch[0].since + ANSWER_SECONDS):
                owners = await self._store(connection, [pending.run for pending in batch])
        except REFUSALS as error:
            await self._split(connection, batch, error)
        except (*OUTAGES, UnreachableError, CommitOutcomeUnknownError) as error:
            cause = error.__cause__ or error
            log.warning("ingest_unavailable", runs=len(batch), error=str(cause) or type(cause).__name__)
            metrics.RUNS_REFUSED.labels("database_away").inc(len(batch))
            reason = SCHEMA_MISSING if problem(cause) == SCHEMA_MISSING else AWAY
            _fail(batch, IngestUnavailableError(reason))
            if isinstance(error, (UnreachableError, asyncpg.ReadOnlySQLTransactionError)):
                self._suspend()
        else:
            seconds = time.perf_counter() - started
            # In the loop's next turn, so that the database has the next batch meanwhile.
            self._loop.call_soon(self._answer, batch, owners, seconds)

    async def _split(self, connection: IngestConnection, batch: Sequence[Pending], error: Exception) -> None:
        """The database refused a row of `batch`: halve it until the row stands alone."""
        if len(batch) > 1:
            await self._commit(connection, batch[: len(batch) // 2])
            await self._commit(connection, batch[len(batch) // 2 :])
            return
        metrics.RUNS_REFUSED.labels("database").inc()
        reason = reason_of_refusal(error)
        log.warning("run_refused_by_database", agent_id=batch[0].run.agent_id, error=reason)
        _fail(batch, InvalidRunError.of(f"the database refuses this run: {reason}", "body"))

    async def _store(self, connection: IngestConnection, runs: list[Run]) -> KeyOwners:
        if large := [
            run for run in runs if run.idempotency_key and len(run.actions_json) > DIGEST_CHARACTERS
        ]:
            await asyncio.to_thread(_make_digests, large)
        try:
            return await connection.store(runs, retried=False)
        except CommitOutcomeUnknownError as lost:
            log.warning("ingest_retried", runs=len(runs), error=repr(lost.__cause__))
            return await self._resolve_in_doubt(connection, runs)

    async def _resolve_in_doubt(self, connection: IngestConnection, runs: list[Run]) -> KeyOwners:
        """Commit those of `runs` that a lost attempt did not, as soon as the database is there.

        A refused caller sends its run again, so runs that may be committed are not refused at once:

        1. The batch is stored again; ids made before the commit say which runs the log has.
        2. Where no connection can be opened, new runs are refused and the probe is waited for.
        3. Where the server commits the lost attempt meanwhile, the primary key refuses the second one, and
           the next turn finds every run.
        """
        while True:
            try:
                return await connection.store(runs, retried=True)
            except CommitOutcomeUnknownError:
                await asyncio.sleep(RETRY_PAUSE)
            except UnreachableError:
                await asyncio.wait([self._suspend()])
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != "agent_run_log_pkey":
                    raise

    def _suspend(self) -> "asyncio.Task[None]":
        """Refuse runs at once until the database answers again, which ends the task that is returned."""
        if self._probe is None:
            self._probe = asyncio.create_task(self._wait_for_database())
            self._probe.add_done_callback(self._probe_done)
            waiting = self._take_while_since(self._loop.time())
            metrics.RUNS_REFUSED.labels("database_away").inc(len(waiting))
            _fail(waiting, IngestUnavailableError("the database is not available"))
        return self._probe

    async def _wait_for_database(self) -> None:
        # Idle connections were lost together with the one in use.
        for lost in self._idle:
            lost.discard()
        await self._engine.dispose()
        while True:
            with suppress(*OUTAGES):
                async with self._engine.connect() as connection:
                    if (await connection.execute(text("SHOW transaction_read_only"))).scalar_one() == "off":
                        break
            await asyncio.sleep(RETRY_PAUSE)
        log.info("ingest_available")

    def _probe_done(self, probe: "asyncio.Task[None]") -> None:
        # Also when it failed: the next run looks for the database itself, and none is refused for ever.
        self._probe = None
        if not probe.cancelled() and (error := probe.exception()):
            log.error("ingest_probe_failed", exc_info=error)

    def _answer(self, batch: Sequence[Pending], owners: KeyOwners, seconds: float) -> None:
        inserted = []
        for pending in batch:
            run, answer = pending.run, pending.answer
            owner = owners.get(run.key) if owners else None
            if owner is not None and owner.run_id != run.id:
                self._answer_known(pending, owner)
                continue
            inserted.append(run)
            if not answer.done():
                answer.set_result(run.id)
        metrics.BATCH_SIZE.observe(len(batch))
        metrics.COMMIT_SECONDS.observe(seconds)
        for status, count in Counter(run.status for run in inserted).items():
            metrics.RUNS.labels(status).inc(count)
        self._dispatcher.enqueue([run.id for run in inserted])

    def _answer_known(self, pending: Pending, owner: KeyOwner) -> None:
        """Answer a report whose key another run owns: the same report before, or one of another source."""
        run, answer = pending.run, pending.answer
        if run.source is not None or not owner.is_plain:
            self._merger.submit(run, owner.run_id, answer, pending.since + ANSWER_SECONDS)
        elif owner.digest == run.digest:
            metrics.RUNS_REPEATED.inc()
            if not answer.done():
                answer.set_result(owner.run_id)
        else:
            metrics.RUNS_REFUSED.labels("idempotency_conflict").inc()
            _fail([pending], IdempotencyConflictError.of(*KEY_CONFLICT))


def _make_digests(runs: Sequence[Run]) -> None:
    for run in runs:
        _ = run.digest


def _fail(batch: Sequence[Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.answer.done():
            pending.answer.set_exception(error)


def _make() -> RunWriter:
    settings = get_settings()
    return RunWriter(
        # A pool of its own: readers that wait for the database must not keep runs from being recorded.
        # A ping takes three round trips, a commit one, and a lost connection is retried anyway.
        make_engine(pool_size=settings.ingest_connections, pre_ping=False, limits=LIMITS),
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
    """Answer every accepted run, then close the running loop's writer."""
    await _writer.close()
