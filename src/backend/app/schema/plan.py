"""The steps from what a database contains to what the models declare.

The models write defaults, index expressions and predicates as PostgreSQL itself prints them, so
declaration and catalog are compared as text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Column, DefaultClause, ForeignKeyConstraint, Index, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from app.models import (
    DERIVATION_TABLES,
    DERIVING_FUNCTIONS,
    DERIVING_TRIGGERS,
    FILLING_NOTHING,
    GUARD_FUNCTIONS,
    GUARD_TRIGGERS,
    SEALING_FUNCTIONS,
    SEALING_TABLES,
    SEALING_TRIGGERS,
)
from app.models.base import FILL
from app.models.triggers import Function, Trigger
from app.schema.catalog import Catalog, ColumnInfo, FunctionInfo, IndexInfo, TableInfo

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_IDENTITY = "GENERATED ALWAYS AS IDENTITY"
_CONSTANT = re.compile(r"'[^']*'(::[a-z ]+)?|-?\d+|true|false")


@dataclass(frozen=True)
class Step:
    """One difference, and the statements that repair it: none where that is for a person to decide.

    `online` statements run one by one outside a transaction and never block a writer; the others
    run together in one short transaction. After a step that `opens_gap` the derived tables have to be
    filled again, and the one that `fills` them has no statements of its own.
    """

    table: str
    drift: str
    action: str = ""
    statements: tuple[str, ...] = ()
    online: bool = False
    creates_table: bool = False
    opens_gap: bool = False
    fills: bool = False

    @property
    def repairable(self) -> bool:
        """Whether the step can be taken without guessing."""
        return bool(self.statements) or self.fills


def plan(catalog: Catalog, tables: Iterable[Table]) -> list[Step]:
    """The steps by which the database of `catalog` gets `tables`, in the order to take them."""
    tables, steps = list(tables), []
    for table in tables:
        actual = catalog.tables.get(table.name)
        if actual is None:
            steps.append(_create_table(table, catalog))
        elif not actual.ordinary:
            steps.append(Step(table.name, f"{table.name} is not an ordinary table"))
        else:
            steps.extend(_alter_table(table, actual, catalog.relation_names))
    return _with_sealing(_with_derivation([*steps, *_guards(tables, catalog)], catalog), catalog)


def missing_guards(catalog: Catalog) -> list[str]:
    """What is not as declared of the triggers that keep the log append-only or note what is to be sealed."""
    functions = (*GUARD_FUNCTIONS.values(), *SEALING_FUNCTIONS)
    steps = (
        *_compare_functions(catalog, functions, "agent_run_log"),
        *_compare_triggers(catalog, (*GUARD_TRIGGERS, *SEALING_TRIGGERS)),
    )
    return [step.drift for step in steps]


def _guards(tables: Iterable[Table], catalog: Catalog) -> Iterator[Step]:
    """What keeps those `tables` append-only that are there, unless one lacks a column and will not get it."""
    for table in tables:
        actual = catalog.tables.get(table.name)
        if table.name in GUARD_FUNCTIONS and actual is not None and actual.ordinary:
            possible = all(column.name in actual.columns or _is_addable(column) for column in table.columns)
            for step in _missing_guards(table.name, catalog):
                yield step if possible else Step(step.table, step.drift)


def _missing_guards(table: str, catalog: Catalog) -> Iterator[Step]:
    yield from _compare_functions(catalog, [GUARD_FUNCTIONS[table]], table)
    yield from _compare_triggers(catalog, [trigger for trigger in GUARD_TRIGGERS if trigger.table == table])


def _with_sealing(steps: list[Step], catalog: Catalog) -> list[Step]:
    """`steps`, with the triggers that note what is to be sealed where all they read and write is there."""
    made = {step.table for step in steps if step.creates_table}
    tables = {name for name, table in catalog.tables.items() if table.ordinary}
    if SEALING_TABLES - tables - made:
        return steps
    functions = _compare_functions(catalog, SEALING_FUNCTIONS, "agent_run_log")
    return [*steps, *functions, *_compare_triggers(catalog, SEALING_TRIGGERS)]


def _with_derivation(steps: list[Step], catalog: Catalog) -> list[Step]:
    """`steps`, with the triggers where there is the log and all that they write, and then the filling."""
    made = [step.table for step in steps if step.creates_table]
    tables = {name for name, table in catalog.tables.items() if table.ordinary}
    if DERIVATION_TABLES - tables - set(made):
        return steps
    derivation = [
        *_compare_functions(catalog, DERIVING_FUNCTIONS, "agent_run_log"),
        *_compare_triggers(catalog, DERIVING_TRIGGERS),
    ]
    last = max((n for n, step in enumerate(steps) if step.creates_table and step.opens_gap), default=None)
    if last is None:
        steps = [*steps, *derivation]
    else:
        # The table that was lacking comes with the triggers that lacked it.
        statements = (sql for step in derivation for sql in step.statements)
        steps[last] = replace(steps[last], statements=(*steps[last].statements, *statements))
    if catalog.gap:
        drift = "the rollups are not filled: they lack runs of the past"
        buildable = all(step.repairable for step in steps)
        steps.append(Step("rollup_gap", drift, "filled the rollups from the log", fills=buildable))
    return steps


def _compare_functions(catalog: Catalog, functions: Iterable[Function], table: str) -> Iterator[Step]:
    for function in functions:
        found = catalog.functions.get(function.name)
        if found != FunctionInfo(function.body, function.settings):
            yield Step(
                table,
                drift=f"function {function.name} {'is missing' if found is None else 'is another one'}",
                action=f"created function {function.name}",
                statements=function.ddl,
                opens_gap=function in DERIVING_FUNCTIONS and function.name not in FILLING_NOTHING,
            )


def _compare_triggers(catalog: Catalog, triggers: Iterable[Trigger]) -> Iterator[Step]:
    for trigger in triggers:
        table = catalog.tables.get(trigger.table, TableInfo(ordinary=True))
        found = table.triggers.get(trigger.name)
        if found is None:
            drift = f"trigger {trigger.name} is missing"
        elif found.definition != trigger.definition:
            drift = f"trigger {trigger.name} is {found.definition} instead of {trigger.definition}"
        elif not found.enabled:
            drift = f"trigger {trigger.name} is disabled"
        elif trigger.always and not found.always:
            drift = f"trigger {trigger.name} is disabled in a replication role"
        else:
            continue
        yield Step(
            trigger.table,
            drift,
            action=f"created trigger {trigger.name}",
            statements=(*((trigger.drop,) if found else ()), *trigger.ddl),
            opens_gap=trigger in DERIVING_TRIGGERS and trigger.name not in FILLING_NOTHING,
        )


def _create_table(table: Table, catalog: Catalog) -> Step:
    guards = _missing_guards(table.name, catalog) if table.name in GUARD_FUNCTIONS else ()
    return Step(
        table.name,
        drift=f"table {table.name} is missing",
        action=f"created table {table.name}",
        statements=(
            _ddl(CreateTable(table)),
            *(_ddl(CreateIndex(index)) for index in _indexes(table)),
            *(sql for step in guards for sql in step.statements),
        ),
        creates_table=True,
        opens_gap=table.name in DERIVATION_TABLES,
    )


def _alter_table(table: Table, actual: TableInfo, names_taken: frozenset[str]) -> Iterator[Step]:
    columns = list(_compare_columns(table, actual))
    yield from columns
    yield from _compare_primary_key(table, actual)
    buildable = all(step.repairable for step in columns)
    for step in (*_compare_foreign_keys(table, actual), *_compare_indexes(table, actual, names_taken)):
        yield step if buildable else Step(step.table, step.drift)


def _compare_columns(table: Table, actual: TableInfo) -> Iterator[Step]:
    for column in table.columns:
        found = actual.columns.get(column.name)
        if found is None:
            yield _add_column(table, column)
        elif found.type != _type(column):
            yield Step(
                table.name, f"{table.name}.{column.name} has type {found.type} instead of {_type(column)}"
            )
        else:
            yield from _compare_column(table, column, found)


def _compare_column(table: Table, column: Column[object], found: ColumnInfo) -> Iterator[Step]:
    name = f"{table.name}.{column.name}"
    if found.nullable != column.nullable:
        yield Step(table.name, f"{name} {'allows' if found.nullable else 'refuses'} NULL")
    default = _default(column)
    if found.default != default and _IDENTITY in (found.default, default):
        yield Step(
            table.name, f"{name} is {found.default or 'without default'} instead of {default or 'that'}"
        )
    elif found.default != default:
        change = f"SET DEFAULT {default}" if default else "DROP DEFAULT"
        yield Step(
            table.name,
            drift=f"{name} has default {found.default or 'none'} instead of {default or 'none'}",
            action=f"set the default of {name} to {default or 'none'}",
            statements=(f"ALTER TABLE {table.name} ALTER COLUMN {column.name} {change}",),
        )


def _add_column(table: Table, column: Column[object]) -> Step:
    """Adding a column fills the old rows with its default: right for a constant, a lie for now().

    What they should hold instead, the column's `FILL` derives from their other columns.
    """
    drift = f"column {table.name}.{column.name} is missing"
    default = _default(column)
    constant = _is_constant(default)
    if not _is_addable(column):
        return Step(table.name, f"{drift} and there is no value to give it in existing rows")
    if constant or default is None:
        change = f"ADD COLUMN {_ddl(CreateColumn(column))}"
    else:
        change = f"ADD COLUMN {column.name} {_type(column)}, ALTER COLUMN {column.name} SET DEFAULT {default}"
    return Step(
        table.name,
        drift,
        action=f"added column {table.name}.{column.name}",
        statements=(f"ALTER TABLE {table.name} {change}", *column.info.get(FILL, ())),
        opens_gap=table.name in DERIVATION_TABLES,
    )


def _is_addable(column: Column[object]) -> bool:
    return column.nullable is True or _is_constant(_default(column))


def _is_constant(default: str | None) -> bool:
    return default is not None and _CONSTANT.fullmatch(default) is not None


def _compare_primary_key(table: Table, actual: TableInfo) -> Iterator[Step]:
    wanted = f"PRIMARY KEY ({', '.join(column.name for column in table.primary_key)})"
    if actual.primary_key != wanted:
        found = f"has {actual.primary_key}" if actual.primary_key else "has no primary key"
        yield Step(table.name, f"{table.name} {found} instead of {wanted}")


def _compare_foreign_keys(table: Table, actual: TableInfo) -> Iterator[Step]:
    for key in table.foreign_key_constraints:
        wanted = _foreign_key(key)
        if wanted in actual.foreign_keys.values():
            continue
        found = actual.foreign_keys.get(str(key.name))
        validate = f"ALTER TABLE {table.name} VALIDATE CONSTRAINT {key.name}"
        if found is None:
            add = f"ALTER TABLE {table.name} ADD CONSTRAINT {key.name} {wanted} NOT VALID"
            drift = f"{table.name} lacks {wanted}"
            yield Step(table.name, drift, f"added constraint {key.name}", (add,))
        if found in (None, f"{wanted} NOT VALID"):
            drift = f"{table.name}: constraint {key.name} is not validated"
            yield Step(table.name, drift, f"validated constraint {key.name}", (validate,), online=True)
        else:
            yield Step(table.name, f"{table.name}: constraint {key.name} is {found} instead of {wanted}")


def _compare_indexes(table: Table, actual: TableInfo, names_taken: frozenset[str]) -> Iterator[Step]:
    for index in _indexes(table):
        name = str(index.name)
        if leftover := actual.indexes.get(_replacement(name)):
            yield Step(
                table.name,
                drift=f"index {_replacement(name)} is left over from an interrupted repair",
                action=f"dropped index {_replacement(name)}",
                statements=(_drop(leftover),),
                online=True,
            )
        found = actual.indexes.get(name)
        if found is not None:
            yield from _compare_index(table, index, found)
        elif name in names_taken:
            yield Step(table.name, f"index {name} is missing and its name is taken by another relation")
        else:
            yield Step(
                table.name,
                drift=f"index {name} is missing",
                action=f"built index {name}",
                statements=(_build(table, index, name),),
                online=True,
            )


def _compare_index(table: Table, index: Index, found: IndexInfo) -> Iterator[Step]:
    name = str(index.name)
    if (found.definition, found.unique) != (_definition(index), bool(index.unique)):
        kind = "unique " if found.unique else ""
        wanted_kind = "unique " if index.unique else ""
        yield Step(
            table.name,
            drift=f"index {name} is {kind}{found.definition} instead of {wanted_kind}{_definition(index)}",
            action=f"replaced index {name}",
            statements=(
                _build(table, index, _replacement(name)),
                _drop(found),
                f"ALTER INDEX {_replacement(name)} RENAME TO {name}",
            ),
            online=True,
        )
    elif not found.valid:
        yield Step(
            table.name,
            drift=f"index {name} is invalid: its build was interrupted or is still running",
            action=f"rebuilt index {name}",
            statements=(_drop(found), _build(table, index, name)),
            online=True,
        )


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _replacement(name: str) -> str:
    return f"{name}_sync_replacement"


def _build(table: Table, index: Index, name: str) -> str:
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX CONCURRENTLY {name} ON {table.name} USING {_method(index)} {_body(index)}"


def _drop(index: IndexInfo) -> str:
    return f"DROP INDEX CONCURRENTLY {index.qualified_name}"


def _definition(index: Index) -> str:
    """Without the method that is every index's unless it says another, as the catalog is read."""
    return f"{_method(index)} {_body(index)}".removeprefix("btree ")


def _method(index: Index) -> str:
    return index.dialect_options["postgresql"]["using"] or "btree"


def _body(index: Index) -> str:
    parts = (part.name if isinstance(part, Column) else str(part) for part in index.expressions)
    predicate = index.dialect_options["postgresql"]["where"]
    return f"({', '.join(parts)})" + (f" WHERE {predicate}" if predicate is not None else "")


def _foreign_key(key: ForeignKeyConstraint) -> str:
    columns = ", ".join(key.column_keys)
    referred = ", ".join(element.column.name for element in key.elements)
    on_delete = f" ON DELETE {key.ondelete}" if key.ondelete else ""
    return f"FOREIGN KEY ({columns}) REFERENCES {key.referred_table.name}({referred}){on_delete}"


def _type(column: Column[object]) -> str:
    compiled = column.type.compile(_DIALECT).lower()
    return re.sub(r"^varchar\b", "character varying", compiled)


def _default(column: Column[object]) -> str | None:
    if column.identity is not None:
        return _IDENTITY
    return str(column.server_default.arg) if isinstance(column.server_default, DefaultClause) else None


def _ddl(element: CreateTable | CreateIndex | CreateColumn) -> str:
    lines = str(element.compile(dialect=_DIALECT)).strip().replace("\t", "  ").splitlines()
    return "\n".join(line.rstrip() for line in lines)
