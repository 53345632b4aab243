"""Reports of runs that the log has already: merged into the row that their key names.

The way of a report:

1. The writer finds its key in use, by a run that another source reported, and hands it over (`submit`).
2. One transaction locks that run, keeps the report beside it, and writes what all reports say together.
3. After the commit the run is handed on to be scored once more, and the caller is answered.

It has connections of its own: a run that a scorer has locked must not keep others from being recorded.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from app import metrics
from app.db.problems import AWAY
from app.errors import IdempotencyConflictError, IngestUnavailableError, InvalidRunError
from app.logs import get_logger
from app.runs.calibration import MERGES_AT_ONCE, MERGES_WAITING, MOST_RECOUNTED
from app.runs.connection import (
    OUTAGES,
    CommitOutcomeUnknownError,
    IngestConnection,
    UnreachableError,
    reason_of_refusal,
)
from app.runs.dispatch import Dispatcher
from app.runs.merging import MergedRun, Report, merge_reports
from app.runs.run import AGENT, Run
from app.runs.statements import committed

log = get_logger(__name__)


class Answer(Protocol):
    """Receives the outcome of a run: an `asyncio.Future[UUID]`, or an object with these methods of it."""

    def done(self) -> bool:
        """Whether the outcome is no longer waited for."""

    def set_result(self, run_id: UUID, /) -> None:
        """The run is committed, in the row `run_id`."""

    def set_exception(self, error: Exception, /) -> None:
        """The run is not committed: `IngestUnavailableError` or `InvalidRunError`."""


MERGE_LOCK = 0x6D657267
"""The class of the advisory lock that a merge holds, with its agent as key."""

REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)
"""What PostgreSQL raises where a row itself is to blame."""

KEY_CONFLICT = ("this key was used for another payload", "header", "Idempotency-Key")
"""What is said of a key with another payload, and where it stands."""

# Of one agent at a time: merges of two of its runs would each count the silence that the other one ends.
LOCK_AGENT = f"SELECT pg_advisory_xact_lock({MERGE_LOCK}, hashtext($1))"

LOCK_RUN = """
SELECT agent_id, created_at, consecutive_silence_count AS silence_count,
    EXISTS (SELECT FROM agent_run_erasure WHERE run_id = $1) AS erased
FROM agent_run_log WHERE id = $1 FOR NO KEY UPDATE
"""

# The report that made the row, of the agent itself and without times, is kept nowhere else until then. If the
# key expires at this moment there is no digest, and the report sent again makes a run of its own.
KEEP_FIRST = f"""
INSERT INTO agent_run_report (run_id, source, status, payload_digest)
SELECT run.id, '{AGENT}', run.status, key.payload_digest
FROM agent_run_log AS run
LEFT JOIN agent_run_idempotency_key AS key ON key.agent_id = run.agent_id AND key.key = $2
WHERE run.id = $1 AND NOT EXISTS (SELECT FROM agent_run_report WHERE run_id = $1)
"""  # noqa: S608

REPORTS = """
SELECT source, report.status, coalesce(report.actions_taken, run.actions_taken, '{}')::text AS actions,
    payload_digest
FROM agent_run_report AS report JOIN agent_run_log AS run ON run.id = run_id
WHERE run_id = $1
"""

KEEP_PAYLOAD = """
UPDATE agent_run_report SET actions_taken = coalesce(run.actions_taken, '{}')
FROM agent_run_log AS run
WHERE run_id = $1 AND run.id = $1 AND agent_run_report.actions_taken IS NULL
"""

KEEP_REPORT = """
INSERT INTO agent_run_report
    (run_id, source, status, actions_taken, started_at, finished_at, payload_digest)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
"""

WRITE_RUN = """
UPDATE agent_run_log
SET status = $2, actions_taken = $3::jsonb, action_summary = $4, consecutive_silence_count = $5,
    rlhf_scores = NULL
WHERE id = $1 AND (status, actions_taken) IS DISTINCT FROM ($2, $3::jsonb)
RETURNING true
"""

FORGET_SCORES = "DELETE FROM agent_run_score WHERE run_id = $1"

LOCK_STATE = "SELECT FROM agent_run_state WHERE agent_id = $1 FOR UPDATE"

# The silent runs right after one that is silent no more begin to count from one again.
RECOUNT = f"""
UPDATE agent_run_log AS run SET consecutive_silence_count = counted.silent
FROM (
    SELECT id, row_number() OVER (ORDER BY created_at, id) AS silent
    FROM agent_run_log
    WHERE agent_id = $1 AND (created_at, id) > ($2, $3) AND created_at < coalesce((
        SELECT created_at FROM agent_run_log
        WHERE agent_id = $1 AND (created_at, id) > ($2, $3) AND consecutive_silence_count = 0
        ORDER BY created_at, id LIMIT 1
    ), 'infinity')
    ORDER BY created_at, id
    LIMIT {MOST_RECOUNTED}
) AS counted
WHERE run.id = counted.id AND run.consecutive_silence_count <> counted.silent
"""  # noqa: S608


async def merge_report(connection: asyncpg.Connection, run: Run, owner: UUID) -> bool:
    """Commit `run` as a further report of the run `owner`; returns whether that changed its row.

    1. Lock the run, after the merges of its agent, and read what was reported of it. A run whose payload was
       erased takes no other.
    2. A report of a source that has reported already is that one sent again, or is refused.
    3. Keep the report, and before the first merge what the row was, as the report of its source.
    4. Write to the row what all of them say together; if it changes, its scores are of another report.
    5. Where it is silent no more, count the silent runs after it, and once more under the lock of the agent's
       state, for those committed meanwhile.

    Raises `IdempotencyConflictError`, and asyncpg's errors; then nothing was committed, unless the connection
    was lost.
    """
    async with committed(connection):
        await connection.execute(LOCK_AGENT, run.agent_id)
        row = await connection.fetchrow(LOCK_RUN, owner)
        if row is None:  # another program has deleted it
            raise _conflict()
        if row["erased"]:
            return False
        await connection.execute(KEEP_FIRST, owner, run.idempotency_key)
        known = {record["source"]: record for record in await connection.fetch(REPORTS, owner)}
        source = run.source or AGENT
        if source in known:
            if known[source]["payload_digest"] != run.digest:
                raise _conflict()
            return False
        await connection.execute(KEEP_PAYLOAD, owner)
        new = Report(source, run.status, run.actions_json)
        await connection.execute(KEEP_REPORT, owner, *new, run.started_at, run.finished_at, run.digest)
        reports = [Report(record["source"], record["status"], record["actions"]) for record in known.values()]
        # In a thread: payloads of a megabyte take longer than the event loop has.
        merged = await asyncio.to_thread(merge_reports, [*reports, new])
        return await _rewrite(connection, owner, row, merged)


async def _rewrite(
    connection: asyncpg.Connection, owner: UUID, row: asyncpg.Record, merged: MergedRun
) -> bool:
    """Write to the row what all reports say together; returns whether that changes it."""
    count = row["silence_count"] if merged.silent else 0
    changed = await connection.fetchval(
        WRITE_RUN, owner, merged.status, merged.actions_json, merged.summary, count
    )
    if not changed:
        return False
    await connection.execute(FORGET_SCORES, owner)
    if count != row["silence_count"]:
        following = row["agent_id"], row["created_at"], owner
        await connection.execute(RECOUNT, *following)
        await connection.execute(LOCK_STATE, row["agent_id"])
        await connection.execute(RECOUNT, *following)
    return True


def _conflict() -> IdempotencyConflictError:
    return IdempotencyConflictError.of(*KEY_CONFLICT)


class Merger:
    """Merges reports into the rows of their runs, `MERGES_AT_ONCE` at a time."""

    def __init__(self, engine: AsyncEngine, dispatcher: Dispatcher) -> None:
        self._engine = engine
        self._dispatcher = dispatcher
        self._free = asyncio.Semaphore(MERGES_AT_ONCE)
        self._idle: list[IngestConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, run: Run, owner: UUID, answer: Answer, deadline: float) -> None:
        """Merge `run` into the run `owner`, and set `answer` once that is committed, or why it is not.

        `deadline` is a moment of the loop's clock, in seconds.
        """
        if len(self._tasks) >= MERGES_WAITING:
            _refuse(answer, IngestUnavailableError("too many reports wait to be merged into their runs"))
            return
        task = asyncio.create_task(self._merge(run, owner, answer, deadline))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every report has its answer, and close the connections."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self._idle:
            await self._idle.pop().release()

    async def _merge(self, run: Run, owner: UUID, answer: Answer, deadline: float) -> None:
        try:
            changed = await self._commit(run, owner, deadline)
        except (IdempotencyConflictError, InvalidRunError, IngestUnavailableError) as error:
            _refuse(answer, error)
        except BaseException:  # also when cancelled: no caller may wait for ever
            _refuse(answer, IngestUnavailableError("the run was not committed"))
            raise
        else:
            if changed:
                metrics.RUNS_MERGED.inc()
                self._dispatcher.enqueue([owner])
            else:
                metrics.RUNS_REPEATED.inc()
            if not answer.done():
                answer.set_result(owner)

    async def _commit(self, run: Run, owner: UUID, deadline: float) -> bool:
        """`merge_report` on a free connection; raises the errors that a caller is answered with."""
        try:
            async with asyncio.timeout_at(deadline), self._connection() as connection:
                return await self._try(connection, run, owner)
        except REFUSALS as error:
            metrics.RUNS_REFUSED.labels("database").inc()
            reason = reason_of_refusal(error)
            raise InvalidRunError.of(f"the database refuses this run: {reason}", "body") from error
        except IdempotencyConflictError:
            metrics.RUNS_REFUSED.labels("idempotency_conflict").inc()
            raise
        except (*OUTAGES, UnreachableError, CommitOutcomeUnknownError) as error:
            cause = error.__cause__ or error
            log.warning("merge_unavailable", error=str(cause) or type(cause).__name__)
            metrics.RUNS_REFUSED.labels("database_away").inc()
            raise IngestUnavailableError(AWAY) from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[IngestConnection]:
        async with self._free:
            connection = self._idle.pop() if self._idle else IngestConnection(self._engine)
            try:
                yield connection
            finally:
                self._idle.append(connection)

    async def _try(self, connection: IngestConnection, run: Run, owner: UUID) -> bool:
        try:
            return await connection.commit(lambda driver: merge_report(driver, run, owner))
        except (CommitOutcomeUnknownError, asyncpg.DeadlockDetectedError):
            # A connection that was idle may have been lost. If it was committed, the second finds that.
            return await connection.commit(lambda driver: merge_report(driver, run, owner))


def _refuse(answer: Answer, error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
