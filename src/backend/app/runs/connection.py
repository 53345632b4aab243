"""The way of one batch after the other into the database, and what can become of it."""

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.runs.run import Run
from app.runs.statements import Holders, store_runs

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


class UnreachableError(Exception):
    """There is no connection to be had; nothing was sent."""


class UnansweredError(Exception):
    """The connection was lost after a batch was sent: it may be committed, or yet be."""


class Lane:
    """One connection after the other, kept from batch to batch: getting one costs as much as a few rows."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._driver: asyncpg.Connection | None = None  # the connection's, which takes a task to ask for

    async def store(self, runs: list[Run], *, retried: bool) -> Holders:
        """`store_runs` on the lane's connection.

        Raises `UnreachableError` when there is no connection, `UnansweredError` when it was lost on the
        way, `TimeoutError`, and asyncpg's errors for what the database refuses.
        """
        if self._connection is None:
            try:
                connection = await self._engine.connect()
                self._driver = (await connection.get_raw_connection()).driver_connection
            except OUTAGES as error:
                raise UnreachableError from error
            self._connection = connection
        try:
            return await store_runs(self._driver, runs, retried=retried)
        except (TimeoutError, asyncpg.ReadOnlySQLTransactionError):
            await self._discard()
            raise
        except _LOST as error:
            await self._discard()
            raise UnansweredError from error

    async def release(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _discard(self) -> None:
        if self._connection is not None:
            await self._connection.invalidate()
            await self._connection.close()
            self._connection = None
