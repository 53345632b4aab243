"""What differs from the layout by months of a table that has it."""

import re
from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

from app.models import ADD_MONTHS
from app.models.partitions import AHEAD, BOUNDS, DEFAULT, partition
from app.schema.catalog import TableInfo
from app.schema.step import Step

_RANGE = re.compile(f"FOR VALUES {BOUNDS}")


def compare_partitions(table: str, actual: TableInfo, next_month_ends: UUID | None) -> Iterator[Step]:
    """What is wrong with a table's partitions; nothing where it has none.

    Those of months follow each other without a gap, and there is one for the month before `next_month_ends`,
    the first id of the month after the next one.
    """
    if not actual.partitioned:
        return
    bounds = {name: part.bound for name, part in actual.partitions.items()}
    ahead, default = partition(table, AHEAD), partition(table, DEFAULT)
    if bounds.pop(default, None) != "DEFAULT":
        yield Step(table, f"{table} has no default partition {default}, which takes any other id")
    ranges = sorted(found.groups() for bound in bounds.values() if (found := _RANGE.fullmatch(bound)))
    for (_, end), (start, _) in pairwise(ranges):
        if end != start:
            yield Step(table, f"{table} has no partition for the ids from {end} to {start}")
    if ahead not in bounds:
        yield Step(table, f"{table} has no partition {ahead}, for what has no month yet")
    elif next_month_ends and ranges[-1][0] < str(next_month_ends):
        drift = f"{table} has no partition of its own for the next month"
        yield Step(table, drift, f"made months of {table}", (f"SELECT {ADD_MONTHS.name}()",))
