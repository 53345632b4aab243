"""What a database contains, read from PostgreSQL's catalog in its own normal form."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models.partitions import PARTITIONED, first_id
from app.schema.fill import has_gap

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


@dataclass(frozen=True)
class TriggerInfo:
    """A trigger as PostgreSQL prints it, whether it fires at all, and whether in a replication role too."""

    definition: str
    enabled: bool
    always: bool


@dataclass(frozen=True)
class FunctionInfo:
    """A function's body, and its settings after the search_path, each as `name=value`."""

    body: str
    settings: tuple[str, ...] = ()


@dataclass
class PartitionInfo:
    """A partition: which ids it has, as PostgreSQL prints it, and its triggers."""

    bound: str
    triggers: dict[str, TriggerInfo] = field(default_factory=dict)


@dataclass
class TableInfo:
    """A relation that carries a table's name; `ordinary` is false of a view.

    It is false of a partitioned table as well, but for those that may be by months. These have `partitions`.
    """

    ordinary: bool
    partitioned: bool = False
    partitions: dict[str, PartitionInfo] = field(default_factory=dict)
    columns: dict[str, ColumnInfo] = field(default_factory=dict)
    primary_key: str | None = None
    foreign_keys: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, IndexInfo] = field(default_factory=dict)
    triggers: dict[str, TriggerInfo] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """The tables found, and the names of relations that a new index cannot have.

    `functions` are those of the product. `gap` is true while the rollups lack runs. `next_month_ends` is the
    first id of the month after the next one, by the database's clock.
    """

    tables: dict[str, TableInfo] = field(default_factory=dict)
    relation_names: frozenset[str] = frozenset()
    functions: dict[str, FunctionInfo] = field(default_factory=dict)
    gap: bool = False
    next_month_ends: UUID | None = None

    def is_partitioned(self, table: str) -> bool:
        """Whether a table is by months."""
        return table in self.tables and self.tables[table].partitioned


# to_regclass finds a table as the statements that use it do: along the search_path.
_TABLES = text("""
    SELECT wanted.name, pg_class.oid, pg_class.relkind = 'p' AS partitioned,
        pg_class.relkind = 'r' OR pg_class.relkind = 'p' AND wanted.name = ANY(:partitioned) AS ordinary
    FROM unnest(CAST(:names AS text[])) AS wanted (name)
    JOIN pg_class ON pg_class.oid = to_regclass(quote_ident(wanted.name))
""")

_PARTITIONS = text("""
    SELECT inhparent, inhrelid, relname, pg_get_expr(relpartbound, pg_class.oid) AS bound
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = ANY(CAST(:oids AS oid[])) AND relispartition
    ORDER BY relname
""")

_NEXT_MONTH_ENDS = text(f"""
    SELECT {first_id("date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months'")}
""")

_COLUMNS = text("""
    SELECT attrelid, attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable,
           CASE attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
               ELSE pg_get_expr(adbin, adrelid) END AS default
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

_TRIGGERS = text("""
    SELECT tgrelid, tgname, pg_get_triggerdef(oid, true) AS definition, tgenabled IN ('O', 'A') AS enabled,
           tgenabled = 'A' AS always
    FROM pg_trigger
    WHERE tgrelid = ANY(CAST(:oids AS oid[])) AND NOT tgisinternal
""")

# A body that runs with the caller's rights or temporary tables is not ours.
_FUNCTIONS = text("""
    SELECT
        proname,
        CASE WHEN prosecdef AND proconfig[1] LIKE 'search_path=%, pg_temp' THEN prosrc ELSE '' END AS body,
        proconfig[2:] AS settings
    FROM pg_proc JOIN unnest(CAST(:names AS text[])) AS wanted (name)
        ON pg_proc.oid = to_regprocedure(quote_ident(wanted.name) || '()')
""")

_RELATION_NAMES = text("""
    SELECT relname FROM pg_class
    WHERE relnamespace IN (
        SELECT relnamespace FROM pg_class WHERE oid = ANY(CAST(:oids AS oid[]))
    )
""")


async def read_catalog(
    connection: AsyncConnection, names: Collection[str], functions: Collection[str]
) -> Catalog:
    """The tables and functions of these names that the connection's search_path finds."""
    wanted = {"names": list(names), "partitioned": list(PARTITIONED)}
    found = (await connection.execute(_TABLES, wanted)).all()
    tables = {row.oid: TableInfo(row.ordinary, row.partitioned) for row in found}
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
    triggers = {oid: table.triggers for oid, table in tables.items()}
    for row in await connection.execute(_PARTITIONS, oids):
        tables[row.inhparent].partitions[row.relname] = part = PartitionInfo(row.bound)
        triggers[row.inhrelid] = part.triggers
    for row in await connection.execute(_TRIGGERS, {"oids": list(triggers)}):
        triggers[row.tgrelid][row.tgname] = TriggerInfo(row.definition, row.enabled, row.always)
    trigger_functions = await connection.execute(_FUNCTIONS, {"names": list(functions)})
    names_taken = (await connection.execute(_RELATION_NAMES, oids)).scalars()
    by_name = {row.name: tables[row.oid] for row in found}
    return Catalog(
        by_name,
        frozenset(names_taken),
        {row.proname: FunctionInfo(row.body, tuple(row.settings or ())) for row in trigger_functions},
        "rollup_gap" in by_name and await has_gap(connection),
        await connection.scalar(_NEXT_MONTH_ENDS),
    )


def _after_using(definition: str) -> str:
    """An index's columns and predicate, without storage parameters, which its owner may choose."""
    columns = definition.partition(" USING ")[2].removeprefix("btree ")
    return _STORAGE.sub(")", columns)
