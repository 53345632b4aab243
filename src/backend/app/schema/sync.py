"""Create or repair the tables of a database without blocking those who write to it.

1. One synchronisation at a time works on a database (an advisory lock).
2. The catalog is read and compared with the models, which makes a plan of steps (`plan`).
3. Each step that is safe is taken: in one short transaction that gives up soon where a lock is in use and
   is tried again, or, for indexes, online and outside any transaction.
4. The plan is made again. Where derived tables lack rows, they are filled from the log.
5. What differs still is for a person to decide, and an error names it.

Where the database has roles (`roles`), all of it is done as their owner, and each role is given its rights to
what is new.
"""

from collections.abc import Collection
from functools import partial

from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.plain_errors import reason_of
from app.errors import SchemaError
from app.models import DERIVATION_TABLES, FUNCTIONS, AgentRunLog, AgentRunState, Base, RollupGap
from app.schema import figures, fill, rebuild
from app.schema.catalog import Catalog, read_catalog
from app.schema.plan import plan
from app.schema.roles import act_as_owner, give_rights
from app.schema.session import HOUR, ONLINE_LIMITS, alone, connected, limit, run_all, take_in_transaction
from app.schema.step import Step

_CHECK_TIMEOUT = 60.0  # seconds for each query of the catalog
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
    async with connected(url, statement_limit=7 * HOUR) as engine:
        has_roles = await act_as_owner(engine)
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection, alone(connection, is_direct=is_direct):
            for step in plan(await _read(connection, wanted), wanted):
                if step.repairable:
                    await _take(step, engine, connection)
                    done.append(step.action)
            left = plan(await _read(connection, wanted), wanted)
            if any(step.fills for step in left):
                # Tables that a step has created are filled once all of them exist.
                await _fill(engine)
                left = plan(await _read(connection, wanted), wanted)
        if has_roles:
            done += await give_rights(engine, [table.name for table in wanted])
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
        connected(url, statement_limit=_CHECK_TIMEOUT) as engine,
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
    async with connected(url, statement_limit=HOUR) as engine:
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


async def _take(step: Step, engine: AsyncEngine, connection: AsyncConnection) -> None:
    try:
        if step.online:
            await _take_online(step, connection)
        elif step.fills:
            await _fill(engine)
        else:
            await take_in_transaction(engine, partial(_run, step))
    except DBAPIError as error:
        raise SchemaError(f"{step.drift}, and mending it failed: {reason_of(error)}") from error


async def _take_online(step: Step, connection: AsyncConnection) -> None:
    await limit(connection, ONLINE_LIMITS, local=False)
    await run_all(step.statements, connection)


async def _run(step: Step, connection: AsyncConnection) -> None:
    if step.opens_gap and not step.creates_table and await _exists(connection, AgentRunLog.__tablename__):
        # Transactions that wrote by the old rules have committed then, and the filling sees their rows.
        await connection.exec_driver_sql("LOCK TABLE agent_run_log IN SHARE ROW EXCLUSIVE MODE")
    await run_all(step.statements, connection)
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
        await limit(connection, _FILL_LIMITS, local=True)
        await rebuild.fill_agent_run_state(connection)


async def _exists(connection: AsyncConnection, table: str) -> bool:
    return bool(await connection.scalar(text("SELECT to_regclass(:table) IS NOT NULL"), {"table": table}))
