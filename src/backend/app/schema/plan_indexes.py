"""The steps to the indexes that the models declare: all of them are built beside writers.

An index of a partitioned table is declared on it alone, built on each partition, and then made of these.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Column, Index, Table

from app.schema.catalog import IndexInfo, TableInfo
from app.schema.step import Step


def compare_indexes(table: Table, actual: TableInfo, names_taken: frozenset[str]) -> Iterator[Step]:
    """The steps of a table that is there; its other relations cannot have `names_taken`."""
    for index in indexes_of(table):
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
            yield from _compare_index(table, index, found, actual.partitions)
        elif name in names_taken:
            yield Step(table.name, f"index {name} is missing and its name is taken by another relation")
        elif actual.partitioned:
            yield from _build_by_parts(table, index, actual.partitions, f"index {name} is missing")
        else:
            yield Step(
                table.name,
                drift=f"index {name} is missing",
                action=f"built index {name}",
                statements=(_build(table, index, name),),
                online=True,
            )


def _compare_index(
    table: Table, index: Index, found: IndexInfo, partitions: Collection[str]
) -> Iterator[Step]:
    name = str(index.name)
    if (found.definition, found.unique) != (_definition(index), bool(index.unique)):
        kind = "unique " if found.unique else ""
        wanted_kind = "unique " if index.unique else ""
        drift = f"index {name} is {kind}{found.definition} instead of {wanted_kind}{_definition(index)}"
        action = f"replaced index {name}"
        statements: tuple[str, ...] = (
            _build(table, index, _replacement(name)),
            _drop(found),
            f"ALTER INDEX {_replacement(name)} RENAME TO {name}",
        )
    elif not found.valid:
        drift = f"index {name} is invalid: its build was interrupted or is still running"
        action = f"rebuilt index {name}"
        statements = (_drop(found), _build(table, index, name))
    else:
        return
    if partitions:
        yield from _build_by_parts(table, index, partitions, drift, f"DROP INDEX {found.qualified_name}")
    else:
        yield Step(table.name, drift, action, statements, online=True)


def _build_by_parts(
    table: Table, index: Index, partitions: Collection[str], drift: str, *before: str
) -> Iterator[Step]:
    """The steps that build an index of a partitioned table; `before` are statements to begin with."""
    name = str(index.name)
    unique = "UNIQUE " if index.unique else ""
    parts = {
        part: f"{part}_{name.removeprefix('idx_').removeprefix(f'{table.name}_')}" for part in partitions
    }
    whole = f"CREATE {unique}INDEX {name} ON ONLY {table.name} USING {_method(index)} {_body(index)}"
    yield Step(table.name, drift, f"declared index {name}", (*before, whole))
    build = (
        sql
        for part, its_name in parts.items()
        for sql in (
            f"DROP INDEX CONCURRENTLY IF EXISTS {its_name}",
            f"CREATE {unique}INDEX CONCURRENTLY {its_name} ON {part} USING {_method(index)} {_body(index)}",
        )
    )
    drift = f"index {name} is not on each partition"
    yield Step(table.name, drift, f"built index {name} on each partition", tuple(build), online=True)
    attach = (f"ALTER INDEX {name} ATTACH PARTITION {its_name}" for its_name in parts.values())
    yield Step(table.name, drift, f"made index {name} of those of the partitions", tuple(attach))


def indexes_of(table: Table) -> list[Index]:
    """A table's declared indexes, in the order of their names."""
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
