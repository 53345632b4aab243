"""How a task ends when the database is away.

Apart from `app.tasks.runtime`, which the command line imports before it needs a database's driver.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from app.db.plain_errors import plain_errors
from app.errors import DatabaseError
from app.logs import get_logger

log = get_logger(__name__)


@contextmanager
def postponed_on_outage(event: str, **facts: object) -> Iterator[None]:
    """End the block when the database cannot be reached or refuses, with `event` and `facts` in the log.

    Only for work that is still due afterwards, and that beat or another message starts again.
    """
    try:
        with plain_errors():
            yield
    except DatabaseError as error:
        log.warning(event, error=str(error), **facts)
