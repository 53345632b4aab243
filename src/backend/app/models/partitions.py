"""The log by months: how its partitions are named and cut, and the function that makes those to come.

A database has one table of each kind until `app.schema.partition` turns it over. From then on

- `…_default` has the ids before the first month, and those that are no time of this century (version 4);
- `…_2027_01` and so on have a month each, by the time that a UUID of version 7 begins with;
- `…_ahead` has what has no month yet, up to `END`.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event

from app.models.base import Base
from app.models.triggers import Function

PARTITIONED = {"agent_run_log": "id", "agent_run_score": "run_id"}
"""The tables that may be by months, each with its column of the runs' ids."""

DEFAULT, AHEAD = "default", "ahead"
"""What the names of the partitions that are no month end with."""

MONTHS_AHEAD = 3
"""Whole months after the present one that have partitions: time enough to notice that no worker runs."""

END = datetime(2050, 1, 1, tzinfo=UTC)
"""Ids of later times are in the default partition. The range up to it takes 1 in 400 ids of version 4."""

BOUNDS = r"FROM \('(.*)'\) TO \('(.*)'\)"
"""A pattern for the first id of a partition and the one after its last, as PostgreSQL shows them."""


def first_id(moment: str) -> str:
    """SQL of the smallest id of a time; `moment` is SQL of a timestamp without time zone, in UTC."""
    return f"""CAST(rpad(
        lpad(to_hex(CAST(extract(epoch FROM {moment}) AS bigint) * 1000), 12, '0'), 32, '0'
    ) AS uuid)"""


def partition(table: str, kind: str) -> str:
    """The name of a partition: `kind` is `DEFAULT`, `AHEAD` or a month such as 2027_01."""
    return f"{table}_{kind}"


_TABLES = ", ".join(f"('{table}', '{key}')" for table, key in PARTITIONED.items())

# Rows move without triggers: what is derived from them, and that they are to be sealed, is noted already.
_ADD_MONTHS = f"""
DECLARE
    wanted CONSTANT timestamp :=
        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '{MONTHS_AHEAD + 1} months';
    parent record;
    each record;
    bounds text[];
    month timestamp;
    part text;
    parts text[];
    made integer := 0;
BEGIN
    FOR parent IN
        SELECT pg_class.oid, relname AS name, key, CAST(CAST(relnamespace AS regnamespace) AS text) AS home,
            relacl, relowner, format('%s_{AHEAD}', relname) AS ahead
        FROM (VALUES {_TABLES}) AS partitioned (name, key)
        JOIN pg_class ON pg_class.oid = to_regclass(partitioned.name) AND relkind = 'p'
    LOOP
        FOR attempt IN 1..2 LOOP
            SELECT regexp_match(pg_get_expr(relpartbound, oid), $${BOUNDS}$$)
            INTO bounds
            FROM pg_class WHERE oid = to_regclass(format('%s.%I', parent.home, parent.ahead));
            month := to_timestamp(
                CAST(CAST('x' || left(replace(bounds[1], '-', ''), 12) AS bit(48)) AS bigint) / 1000
            ) AT TIME ZONE 'UTC';
            EXIT WHEN bounds IS NULL OR month >= wanted;
            EXECUTE format('LOCK TABLE %s.%I IN ACCESS EXCLUSIVE MODE', parent.home, parent.name);
        END LOOP;
        CONTINUE WHEN bounds IS NULL OR month >= wanted;
        EXECUTE format('ALTER TABLE %1$s.%2$I DETACH PARTITION %1$s.%3$I',
            parent.home, parent.name, parent.ahead);
        FOR each IN
            SELECT tgname FROM pg_trigger
            WHERE tgrelid = to_regclass(format('%s.%I', parent.home, parent.ahead)) AND NOT tgisinternal
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %s.%I', each.tgname, parent.home, parent.ahead);
        END LOOP;
        parts := ARRAY[parent.ahead];
        WHILE month < wanted LOOP
            part := format('%s_%s', parent.name, to_char(month, 'YYYY_MM'));
            EXECUTE format('CREATE TABLE %1$s.%2$I (LIKE %1$s.%3$I INCLUDING DEFAULTS INCLUDING STORAGE)',
                parent.home, part, parent.name);
            EXECUTE format('WITH moved AS (DELETE FROM %1$s.%2$I WHERE %3$I < %4$L RETURNING *)'
                ' INSERT INTO %1$s.%5$I SELECT * FROM moved',
                parent.home, parent.ahead, parent.key, {first_id("month + interval '1 month'")}, part);
            EXECUTE format('ALTER TABLE %1$s.%2$I ATTACH PARTITION %1$s.%3$I'
                ' FOR VALUES FROM (%4$L) TO (%5$L)',
                parent.home, parent.name, part,
                {first_id("month")}, {first_id("month + interval '1 month'")});
            parts := parts || part;
            month := month + interval '1 month';
            made := made + 1;
        END LOOP;
        EXECUTE format('ALTER TABLE %1$s.%2$I ATTACH PARTITION %1$s.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
            parent.home, parent.name, parent.ahead, {first_id("month")}, bounds[2]);
        FOREACH part IN ARRAY parts LOOP
            FOR each IN
                SELECT tgname, tgenabled, replace(
                    pg_get_triggerdef(oid, true),
                    format(' ON %I ', parent.name), format(' ON %s.%I ', parent.home, part)
                ) AS definition
                FROM pg_trigger
                WHERE tgrelid = parent.oid AND NOT tgisinternal AND tgtype & 1 = 0
            LOOP
                EXECUTE each.definition;
                IF each.tgenabled = 'A' THEN
                    EXECUTE format('ALTER TABLE %s.%I ENABLE ALWAYS TRIGGER %I',
                        parent.home, part, each.tgname);
                END IF;
            END LOOP;
            FOR each IN
                SELECT CAST(CAST(grantee AS regrole) AS text) AS role FROM aclexplode(parent.relacl)
                WHERE privilege_type = 'SELECT' AND grantee NOT IN (0, parent.relowner)
            LOOP
                EXECUTE format('GRANT SELECT ON %s.%I TO %s', parent.home, part, each.role);
            END LOOP;
        END LOOP;
    END LOOP;
    RETURN made;
END
"""  # noqa: S608

ADD_MONTHS = Function(
    "agent_run_log_add_months",
    _ADD_MONTHS,
    ("lock_timeout=500",),  # in milliseconds: who waits for it keeps writers waiting
    returns="integer",
)
"""Makes the partitions of the coming months that are missing, and returns how many it made.

Does nothing where the tables are not by months. Where a table is in use for half a second it fails, to be
called again.
"""


@event.listens_for(Base.metadata, "after_create")
def _create(target: Any, connection: Connection, *, tables: Any, **_: Any) -> None:
    """`metadata.create_all()` makes the function too."""
    if "agent_run_log" in {table.name for table in tables}:
        for statement in ADD_MONTHS.ddl:
            connection.exec_driver_sql(statement)
