"""The steps from what a database contains to what the models declare.

The models write defaults, index expressions and predicates as PostgreSQL itself prints them, so
declaration and catalog are compared as text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Column, DefaultClause, ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from app.models import (
    ADD_MONTHS,
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
from app.schema.catalog import Catalog, ColumnInfo, FunctionInfo, TableInfo, TriggerInfo
from app.schema.plan_indexes import compare_indexes, indexes_of
from app.schema.plan_partitions import compare_partitions
from app.schema.step import Step

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_IDENTITY = "GENERATED ALWAYS AS IDENTITY"
_DERIVING = frozenset(trigger.name for trigger in DERIVING_TRIGGERS)
_CONSTANT = re.compile(r"'[^']*'(::[a-z ]+)?|-?\d+|true|false")


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
            steps.extend(_alter_table(table, actual, catalog))
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
    functions = [GUARD_FUNCTIONS[table], *([ADD_MONTHS] if table == "agent_run_log" else [])]
    yield from _compare_functions(catalog, functions, table)
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
        drift = _drift_of(trigger, found)
        if drift:
            yield _remake(trigger, drift, (*((trigger.drop,) if found else ()), *trigger.ddl))
        for name, part in table.partitions.items():
            yield from _compare_on_partition(trigger.on(name), part.triggers.get(trigger.name), drift)


def _compare_on_partition(
    trigger: Trigger, found: TriggerInfo | None, of_table: str | None
) -> Iterator[Step]:
    """What a partition lacks of a trigger; one for each row follows that of its table."""
    drift = _drift_of(trigger, found)
    if drift and not trigger.each_row:
        yield _remake(trigger, drift, (*((trigger.drop,) if found else ()), *trigger.ddl))
    elif drift and found and not of_table:
        yield _remake(trigger, drift, (trigger.enable,))


def _drift_of(trigger: Trigger, found: TriggerInfo | None) -> str | None:
    if found is None:
        return f"trigger {trigger.name} is missing{trigger.place}"
    if found.definition != trigger.definition:
        return f"trigger {trigger.name} is {found.definition} instead of {trigger.definition}"
    if not found.enabled:
        return f"trigger {trigger.name} is disabled{trigger.place}"
    if trigger.always and not found.always:
        return f"trigger {trigger.name} is disabled in a replication role{trigger.place}"
    return None


def _remake(trigger: Trigger, drift: str, statements: tuple[str, ...]) -> Step:
    derives = trigger.name in _DERIVING and trigger.name not in FILLING_NOTHING
    action = f"created trigger {trigger.name}{trigger.place}"
    return Step(trigger.table, drift, action, statements, opens_gap=derives)


def _create_table(table: Table, catalog: Catalog) -> Step:
    guards = _missing_guards(table.name, catalog) if table.name in GUARD_FUNCTIONS else ()
    return Step(
        table.name,
        drift=f"table {table.name} is missing",
        action=f"created table {table.name}",
        statements=(
            ddl(CreateTable(table, include_foreign_key_constraints=foreign_keys_of(table, catalog))),
            *(ddl(CreateIndex(index)) for index in indexes_of(table)),
            *(sql for step in guards for sql in step.statements),
        ),
        creates_table=True,
        opens_gap=table.name in DERIVATION_TABLES,
    )


def _alter_table(table: Table, actual: TableInfo, catalog: Catalog) -> Iterator[Step]:
    columns = list(_compare_columns(table, actual))
    yield from columns
    yield from _compare_primary_key(table, actual)
    yield from compare_partitions(table.name, actual, catalog.next_month_ends)
    buildable = all(step.repairable for step in columns)
    for step in (
        *_compare_foreign_keys(table, actual, catalog),
        *compare_indexes(table, actual, catalog.relation_names),
    ):
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
        change = f"ADD COLUMN {ddl(CreateColumn(column))}"
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


def foreign_keys_of(table: Table, catalog: Catalog) -> list[ForeignKeyConstraint]:
    """A table's foreign keys: none refers to a table by months, of which it would keep each month."""
    keys = table.foreign_key_constraints
    return [key for key in keys if not catalog.is_partitioned(key.referred_table.name)]


def _compare_foreign_keys(table: Table, actual: TableInfo, catalog: Catalog) -> Iterator[Step]:
    for key in foreign_keys_of(table, catalog):
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


def ddl(element: CreateTable | CreateIndex | CreateColumn) -> str:
    """SQL of a statement, without white space at the ends of its lines."""
    lines = str(element.compile(dialect=_DIALECT)).strip().replace("\t", "  ").splitlines()
    return "\n".join(line.rstrip() for line in lines)
