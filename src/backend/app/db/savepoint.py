"""A part of a transaction that may fail by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """Undo what the block did if it raises; the transaction around it goes on, and is its opener's to end."""
    async with session.begin_nested():
        yield
