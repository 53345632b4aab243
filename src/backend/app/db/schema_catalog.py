"""What a database holds, read from PostgreSQL's catalog in its own normal form."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STORAGE = re.compile(r"\) WITH \([^)]*\)")


@dataclass(frozen=True)
class ColumnInfo:
    """A column as `format_type` and `pg_get_expr` write it."""

    type: str
    nullable: bool
    default: str | None


@dataclass(frozen=True)
class IndexInfo:
    """An index: its definition after the table's name, and its name as SQL finds it."""

    definition: str
    unique: bool
    valid: bool
    qualified_name: str


@dataclass
class TableInfo:
    """A relation that carries a table's name; `ordinary` is false of a view or a partitioned table."""

    ordinary: bool
    columns: dict[str, ColumnInfo] = field(default_factory=dict)
    primary_key: str | None = None
    foreign_keys: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, IndexInfo] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """The tables found, and the names of relations that would be in the way of a new index."""

    tables: dict[str, TableInfo] = field(default_factory=dict)
    relation_names: frozenset[str] = frozenset()


# to_regclass finds a table as the statements that use it do: along the search_path.
_TABLES = text("""
    SELECT wanted.name, pg_class.oid, pg_class.relkind = 'r' AS ordinary
    FROM unnest(CAST(:names AS text[])) AS wanted (name)
    JOIN pg_class ON pg_class.oid = to_regclass(quote_ident(wanted.name))
""")

_COLUMNS = text("""
    SELECT attrelid, attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable,
           pg_get_expr(adbin, adrelid) AS default
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = ANY(CAST(:oids AS oid[])) AND attnum > 0 AND NOT attisdropped
""")

_CONSTRAINTS = text("""
    SELECT conrelid, conname, contype = 'p' AS primary, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint
    WHERE conrelid = ANY(CAST(:oids AS oid[])) AND contype IN ('p', 'f')
""")

_INDEXES = text("""
    SELECT indrelid, relname, CAST(indexrelid AS regclass)::text AS qualified_name,
           indisunique AS unique, indisvalid AND indisready AS valid,
           pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = ANY(CAST(:oids AS oid[])) AND NOT indisprimary
""")

_RELATION_NAMES = text("""
    SELECT relname FROM pg_class
    WHERE relnamespace IN (
        SELECT relnamespace FROM pg_class WHERE oid = ANY(CAST(:oids AS oid[]))
    )
""")


async def read_catalog(connection: AsyncConnection, names: Collection[str]) -> Catalog:
    """The tables of these names that the connection's search_path finds."""
    found = (await connection.execute(_TABLES, {"names": list(names)})).all()
    tables = {row.oid: TableInfo(ordinary=row.ordinary) for row in found}
    oids = {"oids": list(tables)}
    for row in await connection.execute(_COLUMNS, oids):
        tables[row.attrelid].columns[row.attname] = ColumnInfo(row.type, row.nullable, row.default)
    for row in await connection.execute(_CONSTRAINTS, oids):
        table = tables[row.conrelid]
        if row.primary:
            table.primary_key = row.definition
        else:
            table.foreign_keys[row.conname] = row.definition
    for row in await connection.execute(_INDEXES, oids):
        tables[row.indrelid].indexes[row.relname] = IndexInfo(
            _after_using(row.definition), row.unique, row.valid, row.qualified_name
        )
    names_taken = (await connection.execute(_RELATION_NAMES, oids)).scalars()
    return Catalog({row.name: tables[row.oid] for row in found}, frozenset(names_taken))


def _after_using(definition: str) -> str:
    """An index's columns and predicate; how full its pages are kept is its owner's business."""
    columns = definition.partition(" USING ")[2].removeprefix("btree ")
    return _STORAGE.sub(")", columns)
