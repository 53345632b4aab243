"""Create or repair the tables of a database without blocking those who write to it.

1. One synchronisation at a time works on a database (an advisory lock).
2. The catalog is read and compared with the models, which makes a plan of steps (`plan`).
3. Each step that is safe is taken: in one short transaction that gives up soon where a lock is in use and
   is tried again, or, for indexes, online and outside any transaction.
4. The plan is made again. Where derived tables lack rows, they are filled from the log.
5. What differs still is for a person to decide, and an error names it.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import create_engine
from app.db.plain_errors import plain_errors, reason_of
from app.errors import SchemaError
from app.models import DERIVATION_TABLES, FUNCTIONS, AgentRunLog, AgentRunState, Base, RollupGap
from app.schema import figures, fill, rebuild
from app.schema.catalog import Catalog, read_catalog
from app.schema.plan import Step, plan

_HOUR = 3600.0  # seconds
_CHECK_TIMEOUT = 60.0  # seconds for each query of the catalog
_ADVISORY_LOCK = 0x72756E6C6F67  # "runlog"
_LOCK_PAUSE = 0.2  # seconds between two tries for the advisory lock
_LOCK_POLLS = int(_HOUR / _LOCK_PAUSE)
_DDL_ATTEMPTS = 20  # with their pauses and lock timeouts, for twenty seconds
_DDL_PAUSE = 0.5  # seconds in which waiting writers go first
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

# A waiting ALTER TABLE blocks every writer behind it, so it gives up soon and is tried again.
_DDL_LIMITS = {"lock_timeout": "500ms", "statement_timeout": "1min"}
# Building an index waits for old transactions to end, but blocks no others.
_ONLINE_LIMITS = {"lock_timeout": "10min", "statement_timeout": "6h"}
_FILL_LIMITS = {"statement_timeout": "6h"}


async def sync_schema(
    url: str, tables: Collection[str] | None = None, *, is_direct: bool = False
) -> list[str]:
    """Create or repair `tables`, by default all, and return what was done, a sentence each.

    Its lock and its limits are a session's: a `url` that leads through a pooler is refused, unless it is
    known to keep its sessions (`is_direct`). Raises `SchemaError` for that, when a difference remains that is
    not safe to repair, or when the database is away or refuses.
    """
    wanted = _tables(tables)
    done = []
    async with (
        _connected(url, statement_limit=7 * _HOUR) as engine,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
    ):
        if not is_direct:
            await _refuse_pooler(connection)
        await _become_only_sync(connection)
        try:
            for step in plan(await _read(connection, wanted), wanted):
                if step.repairable:
                    await _take(step, engine, connection)
                    done.append(step.action)
            left = plan(await _read(connection, wanted), wanted)
            if any(step.fills for step in left):
                # Tables that a step has created are filled once all of them exist.
                await _fill(engine)
                left = plan(await _read(connection, wanted), wanted)
        finally:
            await _leave_session_as_it_was(connection)
    if left:
        raise SchemaError("left as it was: " + "; ".join(step.drift for step in left))
    return done


async def find_drift(url: str) -> list[str]:
    """Every difference between the database and the models, a sentence each; changes nothing.

    Where the tables are as they should be, what is derived from the log is compared with it.

    Raises `SchemaError` when the database is away or refuses.
    """
    wanted = _tables(None)
    async with (
        _connected(url, statement_limit=_CHECK_TIMEOUT) as engine,
        engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ).connect() as connection,
    ):
        steps = plan(await _read(connection, wanted), wanted)
        comparable = not any(step.table in DERIVATION_TABLES for step in steps)
        return [step.drift for step in steps] + (
            await figures.find_differences(connection) if comparable else []
        )


async def rebuild_state(url: str) -> int:
    """Rebuild everything that is derived from the log and return the number of agents.

    Runs may keep coming in. Raises `SchemaError` when the database is away or refuses; what was rebuilt
    before stays right, and `sync_schema` finishes it.
    """
    async with _connected(url, statement_limit=_HOUR) as engine:
        async with engine.begin() as connection:
            await fill.open_gap(connection)
        return await _fill(engine)


def schema_sql() -> str:
    """The DDL of a fresh database."""
    statements = (sql for step in plan(Catalog(), _tables(None)) for sql in step.statements)
    return "\n\n".join(f"{sql};" for sql in statements)


def _tables(names: Collection[str] | None) -> list[Table]:
    # In this order the log stands, indexes and all, before the state is filled from it.
    return [table for table in Base.metadata.sorted_tables if names is None or table.name in names]


async def _read(connection: AsyncConnection, tables: Collection[Table]) -> Catalog:
    names = {*DERIVATION_TABLES, *(table.name for table in tables)}
    return await read_catalog(connection, names, [function.name for function in FUNCTIONS])


@asynccontextmanager
async def _connected(url: str, *, statement_limit: float) -> AsyncIterator[AsyncEngine]:
    """An engine that has reached its database, whose errors arrive as one plain sentence."""
    engine = create_engine(url, pool_size=2, timeout=statement_limit)
    try:
        with plain_errors():
            await (await engine.connect()).close()
            yield engine
    finally:
        await engine.dispose()


async def _refuse_pooler(connection: AsyncConnection) -> None:
    """Raise `SchemaError` where what answers is not the process that the connection was made to."""
    driver = (await connection.get_raw_connection()).driver_connection
    if driver and driver.get_server_pid() != await connection.scalar(text("SELECT pg_backend_pid()")):
        raise SchemaError(
            "DATABASE_URL leads through a pooler, and this needs a session of its own: give the address of"
            " the server itself as RUNLOG_SCHEMA_DATABASE_URL"
        )


async def _become_only_sync(connection: AsyncConnection) -> None:
    """Take the advisory lock that lets one synchronisation at a time work on a database.

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
        for name in _ONLINE_LIMITS:
            await connection.exec_driver_sql(f"RESET {name}")
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})


async def _take(step: Step, engine: AsyncEngine, connection: AsyncConnection) -> None:
    try:
        if step.online:
            await _take_online(step, connection)
        elif step.fills:
            await _fill(engine)
        else:
            await _take_in_transaction(step, engine)
    except DBAPIError as error:
        raise SchemaError(f"{step.drift}, and mending it failed: {reason_of(error)}") from error


async def _take_online(step: Step, connection: AsyncConnection) -> None:
    await _limit(connection, _ONLINE_LIMITS, local=False)
    for statement in step.statements:
        await connection.exec_driver_sql(statement)


async def _take_in_transaction(step: Step, engine: AsyncEngine) -> None:
    for attempt in range(1, _DDL_ATTEMPTS + 1):
        try:
            async with engine.begin() as connection:
                await _limit(connection, _DDL_LIMITS, local=True)
                await _run(step, connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE or attempt == _DDL_ATTEMPTS:
                raise
            await asyncio.sleep(_DDL_PAUSE)
        else:
            return


async def _run(step: Step, connection: AsyncConnection) -> None:
    if step.opens_gap and not step.creates_table and await _exists(connection, AgentRunLog.__tablename__):
        # Transactions that wrote by the old rules have committed then, and the filling sees their rows.
        await connection.exec_driver_sql("LOCK TABLE agent_run_log IN SHARE ROW EXCLUSIVE MODE")
    for statement in step.statements:
        await connection.exec_driver_sql(statement)
    if step.creates_table and step.table == AgentRunState.__tablename__:
        await _fill_state(connection)
    if step.opens_gap and await _exists(connection, RollupGap.__tablename__):
        await fill.open_gap(connection)


async def _fill(engine: AsyncEngine) -> int:
    """Make every derived table equal to what the log says; returns the number of agents."""
    # Under a stricter isolation what was committed before a lock was granted would not be seen.
    engine = engine.execution_options(isolation_level="READ COMMITTED")
    agents = await rebuild.rebuild_agent_run_state(engine)
    await fill.fill(engine)
    return agents


async def _fill_state(connection: AsyncConnection) -> None:
    """Fill it in the transaction that creates the table, so that it is never visible unfilled."""
    if await _exists(connection, AgentRunLog.__tablename__):
        await _limit(connection, _FILL_LIMITS, local=True)
        await rebuild.fill_agent_run_state(connection)


async def _exists(connection: AsyncConnection, table: str) -> bool:
    return bool(await connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table}))


async def _limit(connection: AsyncConnection, limits: dict[str, str], *, local: bool) -> None:
    for name, value in limits.items():
        await connection.execute(
            text("SELECT set_config(:name, :value, :local)"), {"name": name, "value": value, "local": local}
        )
