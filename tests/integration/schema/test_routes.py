"""By every way in which a database can get its tables, they are the same."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.db.engine import create_engine
from app.models import ADD_MONTHS, Base
from app.schema.sync import find_drift, sync_schema
from support.schema_databases import SPECIFIED_INDEXES, SPECIFIED_TABLE, query, run_script, run_sql

CATALOG = {
    "columns": """
        SELECT attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid), attidentity, attgenerated, attcollation
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
        ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef, indisvalid, indisready
        FROM pg_indexes JOIN pg_index ON indexrelid = format('%I', indexname)::regclass
        WHERE schemaname = 'public' ORDER BY 1, 2
    """,
    "functions": """
        SELECT proname, prosrc, prosecdef, proconfig FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1
    """,
    "triggers": """
        SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
    """,
    "relations": """
        SELECT relname, relkind, reloptions FROM pg_class
        WHERE relnamespace = 'public'::regnamespace ORDER BY 1
    """,
}


async def _create_all(url: str) -> None:
    engine = create_engine(url, pool_size=1, timeout=60)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


def by_models(url: str) -> None:
    asyncio.run(_create_all(url))


def by_sync(url: str) -> None:
    asyncio.run(sync_schema(url))


def by_sync_of_the_specified_table(url: str) -> None:
    run_sql(url, SPECIFIED_TABLE + SPECIFIED_INDEXES)
    asyncio.run(sync_schema(url))


def by_sync_of_the_bare_table(url: str) -> None:
    run_sql(url, SPECIFIED_TABLE)
    asyncio.run(sync_schema(url))


def by_script(url: str) -> None:
    assert run_script(url).returncode == 0


def by_printed_sql(url: str) -> None:
    printed = run_script(None, "--print-sql")
    assert (printed.returncode, printed.stderr) == (0, "")
    run_sql(url, printed.stdout)


ROUTES = (
    by_sync,
    by_sync_of_the_specified_table,
    by_sync_of_the_bare_table,
    by_script,
    by_printed_sql,
)


def read_catalog(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: query(url, sql) for name, sql in CATALOG.items()}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
def test_every_route_makes_the_same_tables(empty_database: str, route: Callable[[str], None]) -> None:
    by_models(empty_database)
    expected = read_catalog(empty_database)
    assert len({row[0] for row in expected["columns"]}) == len(Base.metadata.tables)
    called = {definition.partition(" EXECUTE FUNCTION ")[2] for definition, _ in expected["triggers"]}
    assert called | {f"{ADD_MONTHS.name}()"} == {f"{name}()" for name, *_ in expected["functions"]}
    assert (len(expected["functions"]), len(expected["triggers"])) == (15, 27)
    run_sql(empty_database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    route(empty_database)

    assert read_catalog(empty_database) == expected
    assert asyncio.run(find_drift(empty_database)) == []


def test_the_log_keeps_the_specified_columns_and_indexes(empty_database: str) -> None:
    columns = "SELECT * FROM information_schema.columns WHERE table_name = 'agent_run_log'"
    indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = 'agent_run_log'"
    run_sql(empty_database, SPECIFIED_TABLE + SPECIFIED_INDEXES)
    specified = query(empty_database, columns), query(empty_database, indexes)

    by_sync(empty_database)

    assert query(empty_database, columns) == specified[0]
    assert set(query(empty_database, indexes)) > set(specified[1])
