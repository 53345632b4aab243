"""One connection on which a process commits its batches, and what can become of a batch on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import leave_out_detail
from app.runs.run import Run
from app.runs.statements import KeyOwners, store_runs

T = TypeVar("T")

OUTAGES = (asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, TimeoutError)
"""What a statement or a connect may raise when the database is to blame."""

_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver met a connection that was terminated under it
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    OSError,
)


def reason_of_refusal(error: asyncpg.PostgresError) -> str:
    """Why the database refuses a row: a trigger's words, or a name; the detail would repeat the row."""
    if isinstance(error, asyncpg.RaiseError):
        return str(error.message)
    return getattr(error, "constraint_name", None) or type(error).__name__


class UnreachableError(Exception):
    """No connection could be opened; nothing was sent."""


class CommitOutcomeUnknownError(Exception):
    """The connection was lost after a batch was sent: it may be committed, or may still be."""


_WAIT_FOR_STANDBY = "SyncRepWaitForLSN"
"""The function of PostgreSQL (syncrep.c) that warns when a commit's wait for its standby was cancelled: the
statement succeeds, and the rows are on this server alone."""


class IngestConnection:
    """A connection that is kept from batch to batch, since opening one costs as much as a few rows.

    Its life, from one batch to the next:

    1. It is taken from the engine's pool with the first batch.
    2. While batches are committed or refused, it stays.
    3. When it is lost, timed out or read-only it is discarded, and the next batch opens another. It is closed
       in the background: a server that hangs takes seconds for that, and callers wait for their answers.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._driver: asyncpg.Connection | None = None  # of `_connection`, which needs a task to ask for
        self._unconfirmed = False
        self._closing: set[asyncio.Task[None]] = set()

    async def store(self, runs: list[Run], *, retried: bool) -> KeyOwners:
        """`store_runs` on this connection; raises as `commit` does."""
        return await self.commit(lambda connection: store_runs(connection, runs, retried=retried))

    async def commit(self, write: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """What `write` returns, which commits a batch on this connection.

        Raises `UnreachableError` when none can be opened, `CommitOutcomeUnknownError` when it was lost
        under the batch or its commit may not have reached a standby, `TimeoutError`, and asyncpg's errors for
        what the database refuses.
        """
        if self._connection is None:
            try:
                connection = await self._engine.connect()
                driver: Any = (await connection.get_raw_connection()).driver_connection
            except OUTAGES as error:
                raise UnreachableError from error
            driver.add_log_listener(self._note_end_of_wait)
            self._connection, self._driver = connection, driver
        self._unconfirmed = False
        try:
            result = await write(self._driver)
        except (TimeoutError, asyncio.CancelledError, asyncpg.ReadOnlySQLTransactionError):
            self.discard()
            raise
        except _LOST as error:
            self.discard()
            raise CommitOutcomeUnknownError from error
        except asyncpg.PostgresError as error:
            leave_out_detail(error)  # as the engine does of its own statements
            raise
        if self._unconfirmed:
            raise CommitOutcomeUnknownError from ConnectionError("the wait for a standby was cancelled")
        return result

    def _note_end_of_wait(self, _connection: object, message: asyncpg.PostgresLogMessage) -> None:
        self._unconfirmed |= message.server_source_function == _WAIT_FOR_STANDBY

    async def release(self) -> None:
        """Give the connection back to the pool, and wait until those that were discarded are closed."""
        if self._connection is not None:
            if self._driver is not None and not self._driver.is_closed():
                self._driver.remove_log_listener(self._note_end_of_wait)
            await self._connection.close()
            self._connection = None
        if self._closing:
            await asyncio.wait(self._closing)

    def discard(self) -> None:
        """Let go of the connection, also within a statement or a transaction; a task closes it."""
        if self._connection is not None:
            closing = asyncio.create_task(_close(self._connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._connection = None


async def _close(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()
