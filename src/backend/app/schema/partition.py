"""Turn the log over to partitions by month, while runs keep coming in (`app.models.partitions`).

1. What refers to the old tables and would go on doing so is named, and then nothing is changed.
2. Foreign keys to the log are dropped.
3. For each table a constraint says that it has no id of the months to come, and is validated beside writers.
   Ids by default are made outside of that range meanwhile.
4. In one short transaction, which gives up soon where a lock is in use and is tried again, the old table
   becomes the default partition of a new one, which gets its name, indexes, triggers and grants.
5. The months to come are cut off.

What was interrupted goes on when it is called again.
"""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateIndex

from app.db.plain_errors import reason_of
from app.errors import SchemaError
from app.models import ADD_MONTHS, FUNCTIONS, TRIGGERS, Base
from app.models.partitions import AHEAD, DEFAULT, END, PARTITIONED, first_id, partition
from app.models.triggers import Trigger
from app.schema.catalog import TableInfo, read_catalog
from app.schema.plan import ddl, plan
from app.schema.plan_indexes import indexes_of
from app.schema.roles import act_as_owner, give_rights
from app.schema.session import (
    HOUR,
    ONLINE_LIMITS,
    alone,
    connected,
    limit,
    run_all,
    take_in_transaction,
)

_MARGIN = "2 days"  # before the first month begins, of which no row may be in the table yet
_END = f"CAST('{END:%Y-%m-%d}' AS timestamp)"
_BEGIN = f"date_trunc('month', now() AT TIME ZONE 'UTC' + interval '{_MARGIN}') + interval '1 month'"
_RANGE = text(f"SELECT {first_id(_BEGIN)} AS first, {first_id(_END)} AS last")

# Begins with an f, and so is of no time before the year 9888.
_ID_ELSEWHERE = "CAST(overlay(CAST(gen_random_uuid() AS text) PLACING 'f' FROM 1 FOR 1) AS uuid)"

# What refers to a table by its number, and would mean the old one afterwards.
_OBSTACLES = text("""
    SELECT 'view ' || CAST(CAST(ev_class AS regclass) AS text)
    FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid AND classid = CAST('pg_rewrite' AS regclass)
    WHERE refobjid = to_regclass(:table) AND refclassid = CAST('pg_class' AS regclass)
    UNION SELECT 'foreign key ' || conname || ' of ' || CAST(CAST(conrelid AS regclass) AS text)
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE confrelid = to_regclass(:table) AND contype = 'f' AND relname <> ALL(:tables)
    UNION SELECT 'trigger ' || tgname FROM pg_trigger
    WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND tgname <> ALL(:triggers)
    UNION SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = to_regclass(:table)
    UNION SELECT 'publication ' || pubname
    FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
    WHERE prrelid = to_regclass(:table)
    UNION SELECT 'table ' || CAST(CAST(inhrelid AS regclass) AS text) FROM pg_inherits
    WHERE inhparent = to_regclass(:table)
""")

_FOREIGN_KEYS = text("""
    SELECT conname, CAST(conrelid AS regclass) AS referring FROM pg_constraint
    WHERE confrelid = to_regclass(:table) AND contype = 'f' AND conparentid = 0
""")

# A partition is for its table to write to; roles may read it.
_GRANTS = text("""
    SELECT privilege_type || coalesce(' (' || quote_ident(attname) || ')', '') AS privilege,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(CAST(grantee AS regrole) AS text) END AS grantee,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS as_well
    FROM (
        SELECT oid, relowner, relacl AS acl, CAST(NULL AS name) AS attname FROM pg_class
        UNION ALL
        SELECT pg_class.oid, relowner, attacl, attname
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    ) AS granted, aclexplode(acl)
    WHERE oid = to_regclass(:table) AND grantee <> relowner
""")
_OWNER = text("SELECT CAST(CAST(relowner AS regrole) AS text) FROM pg_class WHERE oid = to_regclass(:table)")
_PRIMARY_KEY = text("""
    SELECT CAST(indexrelid AS regclass) FROM pg_index WHERE indrelid = to_regclass(:table) AND indisprimary
""")


@dataclass(frozen=True)
class _Turn:
    """A table that is turned over: its partitions to come have the ids from `first` to before `last`."""

    table: Table
    key: str
    first: str
    last: str
    found: TableInfo

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def default(self) -> str:
        return partition(self.name, DEFAULT)

    @property
    def constraint(self) -> str:
        return f"{self.default}_range_check"

    @property
    def has_to_come(self) -> str:
        """The query whether there are rows of the partitions to come."""
        return f"SELECT EXISTS (SELECT FROM {self.name} WHERE {self._to_come})"  # noqa: S608

    @property
    def move_to_come(self) -> str:
        """The statement that moves them."""
        moved = f"DELETE FROM {self.name} WHERE {self._to_come} RETURNING *"  # noqa: S608
        return f"WITH moved AS ({moved}) INSERT INTO {partition(self.name, AHEAD)} SELECT * FROM moved"  # noqa: S608

    @property
    def _to_come(self) -> str:
        return f"{self.key} >= '{self.first}' AND {self.key} < '{self.last}'"

    @property
    def drop_constraint(self) -> str:
        return f"ALTER TABLE {self.name} DROP CONSTRAINT IF EXISTS {self.constraint}"

    @property
    def add_constraint(self) -> str:
        # As PostgreSQL derives it from the bounds, of which it looks for a proof.
        return (
            f"ALTER TABLE {self.name} ADD CONSTRAINT {self.constraint}"
            f" CHECK ({self.key} < '{self.first}' OR {self.key} >= '{self.last}')"
        )

    @property
    def announce(self) -> list[str]:
        """The statements after which no row of the partitions to come gets into the old table."""
        elsewhere = f"ALTER TABLE {self.name} ALTER COLUMN {self.key} SET DEFAULT {_ID_ELSEWHERE}"
        return [
            self.drop_constraint,
            f"{self.add_constraint} NOT VALID",
            *([elsewhere] if self._default_id else []),
        ]

    @property
    def default_ids(self) -> list[str]:
        """The statements that give the column its own default again."""
        change = f"ALTER TABLE {self.name} ALTER COLUMN {self.key} SET DEFAULT {self._default_id}"
        return [change] if self._default_id else []

    @property
    def _default_id(self) -> str | None:
        return self.found.columns[self.key].default

    @property
    def primary_key(self) -> str:
        return ", ".join(column.name for column in self.table.primary_key)

    @property
    def triggers(self) -> list[Trigger]:
        """Those of the new table, and those of the default partition that it does not have by these."""
        own = [trigger for trigger in TRIGGERS if trigger.table == self.name]
        return own + [trigger.on(self.default) for trigger in own if not trigger.each_row]


async def partition_log(url: str, *, is_direct: bool = False) -> list[str]:
    """Turn the tables over that are not by months yet; returns what was done, a sentence each.

    As `sync_schema`, it wants sessions of its own (`is_direct`). Raises `SchemaError` where the schema is not
    as it should be, where something else refers to the tables, or where a lock cannot be had.
    """
    done: list[str] = []
    async with connected(url, statement_limit=7 * HOUR) as engine:
        has_roles = await act_as_owner(engine)
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection, alone(connection, is_direct=is_direct):
            turns = await _turns(connection)
            try:
                for turn in turns:
                    await _turn_over(turn, connection, engine)
                    done.append(f"{turn.name}: by months, with what there was in {turn.default}")
            except DBAPIError as error:
                raise SchemaError(
                    "the log is not, or not wholly, by months: run `runlog schema sync` and try again."
                    f" {reason_of(error)}"
                ) from error
        if has_roles and turns:
            done += await give_rights(engine, list(PARTITIONED))
    return done


async def _turns(connection: AsyncConnection) -> list[_Turn]:
    """The tables that are not by months yet, where nothing else refers to them. Raises `SchemaError`."""
    tables = Base.metadata.tables
    catalog = await read_catalog(connection, list(tables), [function.name for function in FUNCTIONS])
    names = [name for name in PARTITIONED if not catalog.is_partitioned(name)]
    left = plan(catalog, Base.metadata.sorted_tables)
    if names and left:
        raise SchemaError(f"{left[0].drift}: run `runlog schema sync` first")
    known = {"tables": list(tables), "triggers": [trigger.name for trigger in TRIGGERS]}
    obstacles = [
        f"{obstacle} on {name}"
        for name in names
        for obstacle in await connection.scalars(_OBSTACLES, known | {"table": name})
    ]
    if obstacles:
        raise SchemaError(
            f"left as it was, for these would go on with the old table alone: {', '.join(obstacles)};"
            " drop them, and make them again afterwards"
        )
    bounds = (await connection.execute(_RANGE)).one()
    return [
        _Turn(tables[name], PARTITIONED[name], str(bounds.first), str(bounds.last), catalog.tables[name])
        for name in names
    ]


async def _turn_over(turn: _Turn, connection: AsyncConnection, engine: AsyncEngine) -> None:
    for key in (await connection.execute(_FOREIGN_KEYS, {"table": turn.name})).all():
        drop = f"ALTER TABLE {key.referring} DROP CONSTRAINT {key.conname}"
        await take_in_transaction(engine, partial(run_all, [drop]))
    if not await connection.scalar(text(turn.has_to_come)):
        await take_in_transaction(engine, partial(run_all, turn.announce))
        await limit(connection, ONLINE_LIMITS, local=False)
        await connection.exec_driver_sql(f"ALTER TABLE {turn.name} VALIDATE CONSTRAINT {turn.constraint}")
    await take_in_transaction(engine, partial(_swap, turn))
    await connection.exec_driver_sql(f"ANALYZE {turn.name}")


async def _swap(turn: _Turn, connection: AsyncConnection) -> None:
    """The turn itself, in one transaction."""
    name, default, ahead = turn.name, turn.default, partition(turn.name, AHEAD)
    owner = await connection.scalar(_OWNER, {"table": name})
    grants = (await connection.execute(_GRANTS, {"table": name})).all()
    key_index = await connection.scalar(_PRIMARY_KEY, {"table": name})
    await run_all(
        [
            f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE",
            # The new table's are on its partitions as well, by the same names.
            *(f"DROP TRIGGER {trigger} ON {name}" for trigger in turn.found.triggers),
            f"CREATE TABLE {ahead} (LIKE {name} INCLUDING DEFAULTS INCLUDING STORAGE)",
            f"ALTER TABLE {ahead} OWNER TO {owner}",
        ],
        connection,
    )
    if (await connection.exec_driver_sql(turn.move_to_come)).rowcount:
        await run_all([turn.drop_constraint, turn.add_constraint], connection)
    await run_all(
        [
            *turn.default_ids,
            f"ALTER TABLE {name} RENAME TO {default}",
            *(
                f"ALTER INDEX {index} RENAME TO {index.replace(name, default, 1)}"
                for index in (key_index, *turn.found.indexes)
            ),
            f"CREATE TABLE {name} (LIKE {default} INCLUDING DEFAULTS INCLUDING STORAGE)"
            f" PARTITION BY RANGE ({turn.key})",
            f"ALTER TABLE {name} OWNER TO {owner}",
            f"ALTER TABLE {name} ADD CONSTRAINT {key_index} PRIMARY KEY ({turn.primary_key})",
            *(ddl(CreateIndex(index)) for index in indexes_of(turn.table)),
            # Finds the indexes that are there, and has no other partition to be compared with.
            f"ALTER TABLE {name} ATTACH PARTITION {default} DEFAULT",
            f"ALTER TABLE {name} ATTACH PARTITION {ahead}"
            f" FOR VALUES FROM ('{turn.first}') TO ('{turn.last}')",
            *(sql for trigger in turn.triggers for sql in trigger.ddl),
            *(f"GRANT {grant.privilege} ON {name} TO {grant.grantee}{grant.as_well}" for grant in grants),
            *(
                f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {default} FROM {grantee}"
                for grantee in {grant.grantee for grant in grants}
            ),
            f"SELECT {ADD_MONTHS.name}()",
        ],
        connection,
    )
