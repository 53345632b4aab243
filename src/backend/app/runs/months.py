"""Making the partitions of the coming months, where the log has such (`app.models.partitions`)."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ADD_MONTHS

_ADD = text(f"SELECT {ADD_MONTHS.name}()")


async def add_months(session: AsyncSession) -> None:
    """Make those that are missing. Raises SQLAlchemy's errors where a table is in use for half a second."""
    await session.execute(_ADD)
