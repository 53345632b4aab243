"""Create or repair the roles of `rights`, each with the least rights that its work needs.

1. What there is of them is read from the catalog: roles, owners, privileges.
2. What differs makes a plan of steps. A role that may do more than a group needs, by its attributes or as a
   member of another, is for a person to decide.
3. Each step is taken as those of a synchronisation are: without blocking those who write.

Where the owner role has the log, `sync_schema` acts as that role, and gives the others their rights to new
tables.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.plain_errors import reason_of
from app.errors import SchemaError
from app.models import ADD_MONTHS, FUNCTIONS
from app.models.partitions import PARTITIONED
from app.schema.presence import find_missing
from app.schema.rights import OF_PARTITIONS, OWNER, RIGHTS, ROLES, WRITER
from app.schema.session import HOUR, alone, connected, run_all, take_in_transaction
from app.schema.step import Step

_ME = text("""
    SELECT current_user AS name, nspname AS schema, rolsuper OR rolcreaterole AS may_create,
        quote_ident(nspname) AS quoted,
        quote_ident(current_database()) AS database,
        nspname = current_user AND current_setting('search_path') LIKE '%$user%' AS by_name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, pg_roles
    WHERE pg_class.oid = to_regclass('agent_run_log') AND rolname = current_user
""")

_ROLES = text("""
    SELECT rolname, array_remove(ARRAY[
            CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcanlogin THEN 'LOGIN' END,
            CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
            CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END
        ], NULL) AS attributes,
        ARRAY(SELECT CAST(pg_get_userbyid(roleid) AS text) FROM pg_auth_members WHERE member = pg_roles.oid)
            AS member_of,
        pg_has_role(pg_roles.oid, 'USAGE') AS is_ours
    FROM pg_roles WHERE rolname = ANY(CAST(:roles AS text[]))
""")

_ENTRIES = text("""
    SELECT rolname, array_remove(ARRAY[
            CASE WHEN has_database_privilege(oid, current_database(), 'CONNECT') THEN 'CONNECT' END,
            CASE WHEN has_schema_privilege(oid, CAST(:schema AS text), 'USAGE') THEN 'USAGE' END,
            CASE WHEN has_schema_privilege(oid, CAST(:schema AS text), 'CREATE') THEN 'CREATE' END
        ], NULL) AS entries
    FROM pg_roles WHERE rolname = ANY(CAST(:roles AS text[]))
""")

_OWNERS = text("""
    SELECT relname AS name, pg_get_userbyid(relowner) AS owner
    FROM pg_class WHERE oid = ANY(SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name)
    UNION ALL
    SELECT proname, pg_get_userbyid(proowner) FROM pg_proc
    WHERE proname = ANY(CAST(:functions AS text[])) AND pronargs = 0 AND pg_function_is_visible(oid)
""")

_PRIVILEGES = text("""
    SELECT relname, CAST(pg_get_userbyid(grantee) AS text) AS role,
        privilege_type || coalesce(' (' || attname || ')', '') AS privilege
    FROM (
        SELECT relname, oid, relacl AS acl, CAST(NULL AS text) AS attname FROM pg_class
        UNION ALL
        SELECT relname, pg_class.oid, attacl, attname
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    ) AS granted, aclexplode(acl)
    WHERE oid = ANY(SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name)
        AND pg_get_userbyid(grantee) = ANY(CAST(:roles AS text[]))
""")

_PARTITIONS = text("""
    SELECT partitioned.name AS parent, relname
    FROM unnest(CAST(:tables AS text[])) AS partitioned (name)
        JOIN pg_inherits ON inhparent = to_regclass(partitioned.name)
        JOIN pg_class ON pg_class.oid = inhrelid AND relispartition
    ORDER BY relname
""")

_MAY_ADD_MONTHS = text(f"""
    SELECT has_function_privilege(rolname, '{ADD_MONTHS.name}()', 'EXECUTE')
    FROM pg_roles WHERE rolname = '{WRITER}'
""")  # noqa: S608

_OWNER_OF_LOG = text("""
    SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('agent_run_log')
""")


@dataclass
class _Role:
    """What one of the roles is and may do; `tables` has its privileges on each, by name."""

    attributes: list[str]
    member_of: list[str]
    is_ours: bool
    entries: list[str] = field(default_factory=list)
    tables: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class _Found:
    """The roles there are, whose the tables and functions are, and where these stand, quoted for SQL."""

    user: str
    may_create: bool
    roles: dict[str, _Role]
    owners: dict[str, str]
    schema: str
    database: str
    partitions: dict[str, str]
    """Each with the table that it is of."""
    months_are_added: bool
    """Whether the writer may call the function that makes months, or there is no writer yet."""


async def sync_roles(url: str, *, is_direct: bool = False) -> list[str]:
    """Create or repair the roles and return what was done, a sentence each.

    Raises `SchemaError` where tables are missing, where roles have to be created and the user may not, where
    something is for a person to decide, and as `sync_schema` does.
    """
    async with (
        connected(url, statement_limit=HOUR) as engine,
        engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection,
        alone(connection, is_direct=is_direct),
    ):
        if missing := await find_missing(connection):
            raise SchemaError(f"the database lacks {', '.join(missing)}: run `runlog schema sync` first")
        found = await _read(connection)
        if not found.may_create and len(found.roles) < len(ROLES):
            raise SchemaError(
                f"{found.user} may not create roles: run this as a superuser, or with CREATEROLE"
            )
        done = await _take(_role_steps(found), engine)
        done += await _take(_steps(await _read(connection), RIGHTS), engine)
        left = [step.drift for step in _steps(await _read(connection), RIGHTS)]
    if left:
        raise SchemaError("left as it was: " + "; ".join(left))
    return done


async def act_as_owner(engine: AsyncEngine) -> bool:
    """Have `engine`'s connections act as the owner role, where that has the log; returns whether it has."""
    async with engine.connect() as connection:
        if await connection.scalar(_OWNER_OF_LOG) != OWNER:
            return False

    @event.listens_for(engine.sync_engine, "connect")
    def act(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET ROLE {OWNER}")
        cursor.close()
        connection.commit()

    await engine.dispose()  # of the connections made before
    return True


async def give_rights(engine: AsyncEngine, tables: Collection[str]) -> list[str]:
    """Give the roles their rights to `tables`; returns what was done. Raises `SchemaError`."""
    async with engine.connect() as connection:
        found = await _read(connection)
    return await _take((*_table_steps(found, tables), *_function_steps(found)), engine)


async def _read(connection: AsyncConnection) -> _Found:
    me = (await connection.execute(_ME)).one()
    if me.by_name:
        raise SchemaError(
            f"the tables are in the schema {me.schema}, where no other role looks for them: have the"
            f" search_path name it, as by ALTER DATABASE {me.database} SET search_path = {me.schema}, public"
        )
    parts = await connection.execute(_PARTITIONS, {"tables": list(PARTITIONED)})
    partitions = {row.relname: row.parent for row in parts}
    names = {"roles": list(ROLES), "tables": [*RIGHTS, *partitions], "schema": me.schema}
    functions = [function.name for function in FUNCTIONS]
    roles = {
        row.rolname: _Role(row.attributes, row.member_of, row.is_ours)
        for row in await connection.execute(_ROLES, names)
    }
    for row in await connection.execute(_ENTRIES, names):
        roles[row.rolname].entries = row.entries
    for row in await connection.execute(_PRIVILEGES, names):
        roles[row.role].tables.setdefault(row.relname, set()).add(row.privilege)
    owners = await connection.execute(_OWNERS, {**names, "functions": functions})
    return _Found(
        me.name,
        me.may_create,
        roles,
        {row.name: row.owner for row in owners},
        me.quoted,
        me.database,
        partitions,
        months_are_added=await connection.scalar(_MAY_ADD_MONTHS) is not False,
    )


def _role_steps(found: _Found) -> Iterator[Step]:
    """The groups that are missing, or may do what no group needs to."""
    for name in ROLES:
        role = found.roles.get(name)
        if role is None:
            create = f"CREATE ROLE {name} NOLOGIN"
            yield Step(name, f"role {name} is missing", f"created role {name}", (create,))
        elif role.attributes:
            yield Step(name, f"role {name}, which is for a group, has {' and '.join(role.attributes)}")
        elif role.member_of:
            yield Step(
                name, f"role {name} has the rights of {' and '.join(role.member_of)}, as a member of it"
            )


def _steps(found: _Found, tables: Collection[str]) -> Iterator[Step]:
    """What the roles lack or have too much of, where all of them are there."""
    if not found.roles[OWNER].is_ours:
        join = f"GRANT {OWNER} TO CURRENT_USER"
        yield Step(OWNER, f"this user is no member of {OWNER}", f"became a member of {OWNER}", (join,))
    for name, role in found.roles.items():
        places = {"CONNECT": f"DATABASE {found.database}", "USAGE": f"SCHEMA {found.schema}"}
        if name == OWNER:
            places["CREATE"] = places["USAGE"]
        for privilege, place in places.items():
            if privilege not in role.entries:
                grant = f"GRANT {privilege} ON {place} TO {name}"
                yield Step(
                    name, f"{name} lacks {privilege} on {place}", f"{name}: {privilege} on {place}", (grant,)
                )
    yield from _table_steps(found, tables)
    others = [function for function in FUNCTIONS if found.owners[function.name] != OWNER]
    if others:
        # They are made again: a search_path that they have of old may go by the name of their owner.
        owned = (
            sql
            for function in others
            for sql in (*function.ddl, f"ALTER FUNCTION {function.name}() OWNER TO {OWNER}")
        )
        drift = f"{OWNER} lacks functions of the triggers"
        yield Step(OWNER, drift, f"the triggers: owner {OWNER}", tuple(owned))
    yield from _function_steps(found)


def _function_steps(found: _Found) -> Iterator[Step]:
    if not found.months_are_added:
        may = f"EXECUTE ON FUNCTION {ADD_MONTHS.name}()"
        yield Step(WRITER, f"{WRITER} lacks {may}", f"{WRITER}: {may}", (f"GRANT {may} TO {WRITER}",))


def _table_steps(found: _Found, tables: Collection[str]) -> Iterator[Step]:
    partitions = [part for part, of in found.partitions.items() if of in tables]
    for table in (*tables, *partitions):
        rights = RIGHTS.get(table, OF_PARTITIONS)
        changes, statements = [], []
        if found.owners[table] != OWNER:
            changes.append(f"owner {OWNER}")
            statements.append(f"ALTER TABLE {table} OWNER TO {OWNER}")
        for name in sorted(found.roles.keys() - {OWNER}):
            wanted = rights.of(name)
            if found.roles[name].tables.get(table, set()) != wanted:
                changes.append(f"{name} {', '.join(sorted(wanted)) or 'nothing'}")
                statements.append(f"REVOKE ALL ON {table} FROM {name}")
                statements += [f"GRANT {', '.join(sorted(wanted))} ON {table} TO {name}"] if wanted else []
        if statements:
            said = f"{table}: {'; '.join(changes)}"
            yield Step(table, f"{table} differs in whose it is and who may use it", said, tuple(statements))


async def _take(steps: Iterable[Step], engine: AsyncEngine) -> list[str]:
    """Take the steps; raises `SchemaError` for those that are for a person to decide, before any other."""
    steps = list(steps)
    if left := [step.drift for step in steps if not step.repairable]:
        raise SchemaError("left as it was: " + "; ".join(left))
    for step in steps:
        try:
            await take_in_transaction(engine, partial(run_all, step.statements))
        except DBAPIError as error:
            raise SchemaError(f"{step.drift}, and mending it failed: {reason_of(error)}") from error
    return [step.action for step in steps]
