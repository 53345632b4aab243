"""Moments of rows that other programs write too."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, case, literal_column
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

# Days of room for every time zone's offset.
_FIRST, _LAST = "'0001-01-03 00:00Z'", "'9999-12-29 00:00Z'"


def readable(moment: Any) -> ColumnElement[Any]:
    """`moment`, moved into the years that Python has; infinity too, and NULL stays."""
    first: ColumnElement[Any] = literal_column(f"CAST({_FIRST} AS timestamptz)")
    last: ColumnElement[Any] = literal_column(f"CAST({_LAST} AS timestamptz)")
    return case((moment < first, first), (moment > last, last), else_=moment)


class LogMoment(TypeDecorator[datetime]):
    """A timestamp with time zone that is read as the nearest moment of the years 1 to 9999.

    PostgreSQL's reach from 4713 BC to the year 294276, and the driver fails at a row that lies beyond
    Python's: such a row would hide all others. Conditions and orders see the value as it is stored.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> Any:
        """The type of what such a moment is compared with or what is added to it: a span is no moment."""
        return self.impl_instance.coerce_compared_value(op, value)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What a SELECT reads of a column of this type."""
        return readable(column)
