"""The metadata every table belongs to."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

FILL = "fill"
"""In a column's `info`: the statements that give it a value in the rows that are older than the column. They
run in the transaction that adds it."""


class Base(DeclarativeBase):
    """Declarative base; constraint names are fixed so that scripts and errors can name them."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
