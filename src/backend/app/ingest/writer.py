"""Group commit: runs that arrive while a commit is under way share the next one.

There is no timer: an idle run goes alone, at once. Under load, what has gathered becomes one
statement and one commit, and every caller is answered after the commit that holds its own row.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from uuid import UUID

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import metrics
from app.config import get_settings
from app.db.session import make_engine
from app.domain.runs import Run
from app.errors import IdempotencyConflictError, IngestUnavailableError, InvalidRunError
from app.ingest.dispatch import Dispatcher, get_dispatcher
from app.ingest.statements import Holders, store_runs
from app.logs import get_logger
from app.loop_local import LoopLocal

log = get_logger(__name__)

_REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)
_OUTAGES = (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError)
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, ConnectionError)
_LOST_AT_MOST = 2
_TAKEN = ("this key was used for another payload", "header", "Idempotency-Key")

Pending = tuple[Run, "asyncio.Future[UUID]"]


class RunWriter:
    """Writes runs through `engine` in at most `connections` commits at a time."""

    def __init__(
        self,
        engine: AsyncEngine,
        dispatcher: Dispatcher,
        *,
        queue_size: int,
        batch_size: int,
        connections: int,
    ) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._queue_size = queue_size
        self._batch_size = batch_size
        self._connections = connections
        self._queue: deque[Pending] = deque()
        self._commits: set[asyncio.Task[None]] = set()

    async def write(self, run: Run) -> UUID:
        """Commit `run` and return the id of its row, or of the row its idempotency key made before.

        Raises `IngestUnavailableError` when it was not committed and may be sent again,
        `InvalidRunError` when the database refuses it, `IdempotencyConflictError` when its key
        belongs to another payload.
        """
        if len(self._queue) >= self._queue_size:
            metrics.RUNS_REFUSED.labels("queue_full").inc()
            raise IngestUnavailableError("the ingest queue is full")
        answer: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        self._queue.append((run, answer))
        if len(self._queue) == 1:
            # Not at once, so that all that this turn of the loop brings goes together.
            asyncio.get_running_loop().call_soon(self._start_commits)
        return await answer

    async def drain(self) -> None:
        """Wait until every run accepted so far has its answer."""
        while self._queue or self._commits:
            self._start_commits()
            await asyncio.wait(self._commits)

    async def close(self) -> None:
        """Answer every accepted run, then close the connections."""
        await self.drain()
        await self._engine.dispose()

    def _start_commits(self) -> None:
        while self._queue and len(self._commits) < self._connections:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size))]
            commit = asyncio.create_task(self._commit(batch))
            self._commits.add(commit)
            commit.add_done_callback(self._commit_done)
        metrics.QUEUED.set(len(self._queue))

    def _commit_done(self, commit: asyncio.Task[None]) -> None:
        self._commits.discard(commit)
        if not commit.cancelled() and (error := commit.exception()):
            log.error("ingest_failed", exc_info=error)
        self._start_commits()

    async def _commit(self, batch: Sequence[Pending]) -> None:
        started = time.perf_counter()
        try:
            holders = await self._store([run for run, _ in batch])
        except _REFUSALS as error:
            await self._split(batch, error)
        except _OUTAGES as error:
            log.warning("ingest_unavailable", runs=len(batch), error=str(error) or type(error).__name__)
            metrics.RUNS_REFUSED.labels("database_away").inc(len(batch))
            _fail(batch, IngestUnavailableError("the database is not available"))
        except BaseException:  # also when cancelled: nobody may wait for ever
            _fail(batch, IngestUnavailableError("the run was not committed"))
            raise
        else:
            metrics.BATCH_SIZE.observe(len(batch))
            metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
            self._answer(batch, holders)

    async def _split(self, batch: Sequence[Pending], error: Exception) -> None:
        """The database refused a row of `batch`: halve it until the row stands alone."""
        if len(batch) > 1:
            await self._commit(batch[: len(batch) // 2])
            await self._commit(batch[len(batch) // 2 :])
            return
        metrics.RUNS_REFUSED.labels("database").inc()
        log.warning("run_refused_by_database", agent_id=batch[0][0].agent_id, error=str(error))
        _fail(batch, InvalidRunError.of(f"the database refuses this run: {error}", "body"))

    async def _store(self, runs: list[Run]) -> Holders:
        """Commit `runs`. After a lost connection once more: the ids tell what was committed."""
        attempts = lost = 0
        while True:
            try:
                return await self._store_once(runs, retried=attempts > 0)
            except _LOST as error:
                lost += 1
                if lost == _LOST_AT_MOST:
                    raise
                log.warning("ingest_retried", runs=len(runs), error=str(error) or type(error).__name__)
                # Its neighbours in the pool were lost with it.
                await self._engine.dispose()
            except asyncpg.UniqueViolationError as error:
                # Ours after all: the server went on with the lost attempt and has committed it now.
                if error.constraint_name != "agent_run_log_pkey":
                    raise
            attempts += 1

    async def _store_once(self, runs: list[Run], *, retried: bool) -> Holders:
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            try:
                return await store_runs(driver, runs, retried=retried)
            except (*_LOST, OSError):
                await connection.invalidate()
                raise

    def _answer(self, batch: Sequence[Pending], holders: Holders) -> None:
        inserted = []
        for run, answer in batch:
            holder, digest = holders.get(run.key, (run.id, b""))
            if holder == run.id:
                inserted.append(run)
            elif digest == run.digest():
                metrics.RUNS_REPEATED.inc()
            else:
                metrics.RUNS_REFUSED.labels("idempotency_conflict").inc()
                _fail([(run, answer)], IdempotencyConflictError.of(*_TAKEN))
            if not answer.done():
                answer.set_result(holder)
        for status, count in Counter(run.status for run in inserted).items():
            metrics.RUNS.labels(status).inc(count)
        self._dispatcher.enqueue([run.id for run in inserted])


def _fail(batch: Sequence[Pending], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)


def _make() -> RunWriter:
    settings = get_settings()
    return RunWriter(
        # A pool of its own: readers that wait for the database must not keep runs from being recorded.
        # A ping takes three round trips, a commit one; what a ping would find, a retry mends.
        make_engine(pool_size=settings.ingest_connections, pre_ping=False),
        get_dispatcher(),
        queue_size=settings.ingest_queue_size,
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
