"""Reads of the public face on a replica: a standby, which may be some seconds behind.

A read takes these steps:

1. Where a replica is set, it is asked how far behind it is, for `ANSWER_SECONDS` at most.
2. Where it is not too far behind, the read's transaction goes on there.
3. Else it goes to the primary, as do the reads of the next `PAUSE_SECONDS`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.config import get_settings
from app.db.engine import create_engine
from app.db.session import READERS, transaction
from app.kit.loop_local import LoopLocal
from app.logs import get_logger
from app.metrics import REPLICA_LAG

ANSWER_SECONDS = 1.0
"""For the replica's answer, its connection included: a page that waits for longer seems slow."""

PAUSE_SECONDS = 10.0
"""Before a replica that was away or too far behind is asked again."""

# A standby that has replayed all it was sent is not behind, however long ago that was, while its receiver
# lives. Without one it does not know what it lacks: then the age of the last commit that it has counts.
LAG = text("""
    SELECT CASE
        WHEN NOT pg_is_in_recovery() THEN 0
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
            AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::float8
""")

log = get_logger(__name__)


class Reading(NamedTuple):
    """A transaction for reads, and by how many seconds what it shows is behind; None on the primary."""

    session: AsyncSession
    lag: float | None


class Replica:
    """The standby at `url`, read while it is at most `max_lag` seconds behind, for one event loop."""

    def __init__(self, url: str, *, max_lag: float, timeout: float) -> None:
        self._engine = create_engine(url, pool_size=READERS, timeout=timeout, target="prefer-standby")
        self._sessions = async_sessionmaker(self._engine)
        self._max_lag = max_lag
        self._asked_again_at = 0.0

    async def open(self) -> Reading | None:
        """A transaction on the replica, to be closed by the caller; None where it cannot be read now."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._asked_again_at:
            return None
        session = self._sessions()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                lag = await session.scalar(LAG)
        except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("replica_away", error=str(error) or f"no answer within {ANSWER_SECONDS:g} s")
        else:
            if lag is not None and lag <= self._max_lag:
                REPLICA_LAG.set(lag)
                return Reading(session, lag)
            log.warning("replica_behind", seconds=lag, most=self._max_lag)
        self._asked_again_at = loop.time() + PAUSE_SECONDS
        await session.close()
        return None

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()


def _make() -> Replica | None:
    settings = get_settings()
    url = settings.replica_database_url
    if url is None or settings.expose != "public":
        return None
    return Replica(
        url.get_secret_value(), max_lag=settings.replica_max_lag, timeout=settings.database_timeout
    )


async def _close(replica: Replica | None) -> None:
    if replica is not None:
        await replica.close()


_replica = LoopLocal(_make, _close)


@asynccontextmanager
async def reading() -> AsyncIterator[Reading]:
    """A transaction that only reads what the public face shows.

    On the internal face it is always the primary's: a person's own change must be seen at once.
    """
    replica = _replica.get()
    opened = await replica.open() if replica else None
    if opened is None:
        async with transaction() as session:
            yield Reading(session, None)
        return
    async with opened.session:
        yield opened


async def close_replica() -> None:
    """Close the running loop's replica, if it was used."""
    await _replica.close()
