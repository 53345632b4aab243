"""A test's own look at a database, on a connection for the moment."""

import asyncio

import asyncpg


async def execute(url: str, script: str) -> None:
    """Run statements on a connection of their own."""
    db = await asyncpg.connect(url)
    try:
        await db.execute(script)
    finally:
        await db.close()


async def query(url: str, statement: str) -> object:
    """One value, on a connection of its own."""
    db = await asyncpg.connect(url)
    try:
        return await db.fetchval(statement)
    finally:
        await db.close()


async def rows(url: str, statement: str) -> list[asyncpg.Record]:
    """All rows, on a connection of its own."""
    db = await asyncpg.connect(url)
    try:
        return await db.fetch(statement)
    finally:
        await db.close()


async def until_it_is(url: str, statement: str, wanted: object) -> None:
    """Return when `statement` says what is `wanted`, however often the server refuses until then."""
    while True:
        try:
            return await _asked_until_it_is(url, statement, wanted)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(0.05)


async def _asked_until_it_is(url: str, statement: str, wanted: object) -> None:
    # A connection costs the server more than most of what is asked on it.
    db = await asyncpg.connect(url)
    try:
        while await db.fetchval(statement) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    finally:
        await db.close()
