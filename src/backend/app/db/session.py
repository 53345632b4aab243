"""The running event loop's database, and the one way to open a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.config import get_settings
from app.db.engine import create_engine
from app.kit.loop_local import LoopLocal

READERS = 5
"""Connections a process keeps for reading; as many again under load."""


class Database:
    """An engine and its sessions, for one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def make_engine(pool_size: int, **options: Any) -> AsyncEngine:
    """A new engine by the settings, with `create_engine`'s `options`. Raises `ConfigError` without a URL."""
    settings = get_settings()
    url = settings.require_database_url()
    return create_engine(url, pool_size=pool_size, timeout=settings.database_timeout, **options)


_database = LoopLocal(lambda: Database(make_engine(READERS)), Database.close)


def get_database() -> Database:
    """The running loop's database, connected on first use. Raises `ConfigError` without a URL."""
    return _database.get()


async def close_database() -> None:
    """Close the running loop's database, if it was used."""
    await _database.close()


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """A session whose block is one transaction: committed at its end, rolled back on an error."""
    async with get_database().sessions.begin() as session:
        yield session
