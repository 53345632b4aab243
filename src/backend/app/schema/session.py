"""A session in which the tables of a database are changed without blocking those who write to it.

One such change at a time works on a database (an advisory lock), each step of it in a transaction that gives
up soon where a lock is in use, and is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import create_engine
from app.db.plain_errors import plain_errors
from app.errors import SchemaError

HOUR = 3600.0
"""In seconds."""

_ADVISORY_LOCK = 0x72756E6C6F67  # "runlog"
_LOCK_PAUSE = 0.2  # seconds between two tries for the advisory lock
_LOCK_POLLS = int(HOUR / _LOCK_PAUSE)
_DDL_ATTEMPTS = 20  # with their pauses and lock timeouts, for twenty seconds
_DDL_PAUSE = 0.5  # seconds in which waiting writers go first
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

# A waiting ALTER TABLE blocks every writer behind it, so it gives up soon and is tried again.
_DDL_LIMITS = {"lock_timeout": "500ms", "statement_timeout": "1min"}
# Building an index waits for old transactions to end, but blocks no others.
ONLINE_LIMITS = {"lock_timeout": "10min", "statement_timeout": "6h"}
"""For a statement outside any transaction."""


@asynccontextmanager
async def connected(url: str, *, statement_limit: float) -> AsyncIterator[AsyncEngine]:
    """An engine that has reached its database, whose errors arrive as one plain sentence."""
    engine = create_engine(url, pool_size=2, timeout=statement_limit)
    try:
        with plain_errors():
            await (await engine.connect()).close()
            yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def alone(connection: AsyncConnection, *, is_direct: bool) -> AsyncIterator[None]:
    """While no other session changes the tables; the session is left as it was.

    Its lock and its limits are a session's: raises `SchemaError` where `connection` leads through a pooler,
    unless that is known to keep its sessions (`is_direct`), and when another's change does not end.
    """
    if not is_direct:
        await _refuse_pooler(connection)
    await _become_only(connection)
    try:
        yield
    finally:
        await _leave_session_as_it_was(connection)


async def take_in_transaction(engine: AsyncEngine, run: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    """`run` in a transaction that gives up soon where a lock is in use, and is tried again.

    Raises SQLAlchemy's errors.
    """
    for attempt in range(1, _DDL_ATTEMPTS + 1):
        try:
            async with engine.begin() as connection:
                await limit(connection, _DDL_LIMITS, local=True)
                await run(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE or attempt == _DDL_ATTEMPTS:
                raise
            await asyncio.sleep(_DDL_PAUSE)
        else:
            return


async def run_all(statements: Iterable[str], connection: AsyncConnection) -> None:
    """Run the statements one after the other."""
    for statement in statements:
        await connection.exec_driver_sql(statement)


async def limit(connection: AsyncConnection, limits: Mapping[str, str], *, local: bool) -> None:
    """Set PostgreSQL's settings `limits`, for the transaction (`local`) or the session."""
    for name, value in limits.items():
        await connection.execute(
            text("SELECT set_config(:name, :value, :local)"), {"name": name, "value": value, "local": local}
        )


async def _refuse_pooler(connection: AsyncConnection) -> None:
    """Raise `SchemaError` where what answers is not the process that the connection was made to."""
    driver = (await connection.get_raw_connection()).driver_connection
    if driver and driver.get_server_pid() != await connection.scalar(text("SELECT pg_backend_pid()")):
        raise SchemaError(
            "DATABASE_URL leads through a pooler, and this needs a session of its own: give the address of"
            " the server itself as RUNLOG_SCHEMA_DATABASE_URL"
        )


async def _become_only(connection: AsyncConnection) -> None:
    """Take the advisory lock that lets one change at a time work on a database.

    It is polled: a session that waits in pg_advisory_lock keeps a snapshot, which the other session's
    CREATE INDEX CONCURRENTLY would wait for in turn.
    """
    for _ in range(_LOCK_POLLS):
        if await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_LOCK}):
            return
        await asyncio.sleep(_LOCK_PAUSE)
    raise SchemaError("another synchronisation of this database has not ended within an hour")


async def _leave_session_as_it_was(connection: AsyncConnection) -> None:
    """Give up what would outlive us in a session that a pooler keeps; a session that is lost has nothing."""
    with suppress(DBAPIError, OSError):
        for name in ONLINE_LIMITS:
            await connection.exec_driver_sql(f"RESET {name}")
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
