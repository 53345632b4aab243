"""Statements that SQLAlchemy has compiled, kept for as long as a worker lives.

A server compiles each statement once, as its engine lives as long as itself. The tests of a worker make an
engine each, and that every one compiled its statements again took a tenth of the time of those on a database.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util import LRUCache

STATEMENTS = 5000  # more than the product has

_compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)


def compile_once() -> None:
    """Have all engines of this process share what they compile, of which the dialect is a part of the key."""
    # Each engine sets one of its own when it is made, which is let go.
    Engine._compiled_cache = property(lambda self: _compiled, lambda self, own: None)  # type: ignore[assignment]
    PGDialect_asyncpg.__hash__ = lambda self: hash(_made_of(self))  # type: ignore[method-assign]
    PGDialect_asyncpg.__eq__ = lambda self, other: (  # type: ignore[method-assign]
        type(other) is PGDialect_asyncpg and _made_of(self) == _made_of(other)
    )


def _made_of(dialect: PGDialect_asyncpg) -> tuple[object, ...]:
    """What of a dialect differs between engines of the product."""
    return dialect.server_version_info, dialect._json_serializer, dialect._json_deserializer
