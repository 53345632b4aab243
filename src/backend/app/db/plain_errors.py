"""The database's errors in one plain sentence, for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.errors import DatabaseError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise `DatabaseError` for every error of the driver or SQLAlchemy in the block."""
    try:
        yield
    except DBAPIError as error:
        what = "cannot be reached" if error.connection_invalidated else "refused"
        raise DatabaseError(f"the database {what}: {reason_of(error)}") from error
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer in time"
        raise DatabaseError(f"the database cannot be reached: {reason}") from error


def reason_of(error: DBAPIError) -> str:
    """What PostgreSQL said, its hint included, in one line."""
    cause = (error.orig and error.orig.__cause__) or error.orig
    return "; ".join(str(cause).splitlines())
