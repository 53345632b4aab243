"""Is everything there that statements name? A quick look, where `find_drift` compares every detail."""

import asyncio

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import create_engine
from app.models import DERIVATION_TABLES, FUNCTIONS, Base

_COLUMNS = text("""
    SELECT wanted.name, attribute.attname
    FROM unnest(CAST(:tables AS text[])) AS wanted (name)
    LEFT JOIN pg_attribute attribute
      ON attribute.attrelid = to_regclass(wanted.name) AND attribute.attnum > 0 AND NOT attribute.attisdropped
""")
_FUNCTIONS = text("SELECT proname FROM pg_proc WHERE proname = ANY(:names) AND pg_function_is_visible(oid)")

_SECONDS = 3.0  # for a start that waits for the answer


async def look_for_missing(url: str) -> list[str]:
    """`find_missing` on the database at `url`; empty where it cannot be asked now."""
    engine = create_engine(url, pool_size=1, timeout=_SECONDS)
    try:
        async with asyncio.timeout(_SECONDS), engine.connect() as connection:
            return await find_missing(connection)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return []
    finally:
        await engine.dispose()


async def find_missing(connection: AsyncConnection) -> list[str]:
    """Tables, columns and functions of the product that the database lacks, such as `table agent_run_log`."""
    wanted = {table.name: {column.name for column in table.columns} for table in Base.metadata.sorted_tables}
    wanted |= {name: set() for name in DERIVATION_TABLES if name not in wanted}
    found: dict[str, set[str]] = {}
    for name, column in await connection.execute(_COLUMNS, {"tables": list(wanted)}):
        found.setdefault(name, set()).update({column} - {None})
    functions = {function.name for function in FUNCTIONS}
    found_functions = set(await connection.scalars(_FUNCTIONS, {"names": list(functions)}))
    return [
        *(f"table {name}" for name in wanted if not found[name]),
        *(
            f"column {name}.{column}"
            for name, columns in wanted.items()
            if found[name]
            for column in sorted(columns - found[name])
        ),
        *(f"function {name}" for name in sorted(functions - found_functions)),
    ]
