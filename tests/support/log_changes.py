"""Changing the append-only log, as one can who may disable its triggers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.models import GUARD_TRIGGERS

UNGUARD = ";".join(f"ALTER TABLE {each.table} DISABLE TRIGGER {each.name}" for each in GUARD_TRIGGERS)
GUARD = ";".join(f"ALTER TABLE {each.table} ENABLE ALWAYS TRIGGER {each.name}" for each in GUARD_TRIGGERS)


@asynccontextmanager
async def log_changed(db: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction in which the log and its reports may be changed; what is derived follows."""
    async with db.transaction():
        await db.execute(UNGUARD)
        yield
        await db.execute(GUARD)


def changing_log(statements: str) -> str:
    """The same as a script, for `statements` without arguments."""
    return f"{UNGUARD}; {statements}; {GUARD}"
