"""Connections that a process keeps: one that was lost while it was not in use is replaced unseen."""

import asyncpg
import pytest
from sqlalchemy import text

from app.db import engine
from app.db.session import transaction

pytestmark = pytest.mark.anyio

# PostgreSQL's ErrorResponse (its documentation, "Message Formats") when an administrator ends a session.
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS
PROCESS = text("SELECT pg_backend_pid()")


async def process() -> int:
    """The server's process of the connection that a transaction gets."""
    async with transaction() as session:
        return int(await session.scalar(PROCESS) or 0)


async def test_a_lost_connection_is_replaced(db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = await process()
    assert await process() == lost  # it is kept
    await db.execute(f"SELECT pg_terminate_backend({lost}, 10000)")
    monkeypatch.setattr(engine, "UNUSED_SECONDS", 0.0)
    assert await process() != lost


async def test_a_connection_that_was_just_used_is_not_tried(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "UNUSED_SECONDS", 3_600.0)
    kept = await process()
    asked = await db.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", kept)
    assert await process() == kept
    assert asked == await db.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", kept) == "COMMIT;"


async def test_a_connection_of_which_the_server_has_only_begun_to_take_leave_is_replaced(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction() as session:
        lost = await session.scalar(PROCESS)
        connection = await (await session.connection()).get_raw_connection()
        protocol = connection.driver_connection._protocol
    protocol.data_received(FAREWELL)  # the end of the stream has not come yet
    monkeypatch.setattr(engine, "UNUSED_SECONDS", 0.0)
    assert await process() != lost
