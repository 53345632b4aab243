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


async def until_it_is(url: str, statement: str, wanted: object) -> None:
    """Return when `statement` says what is `wanted`, however often the server refuses until then."""
    while True:
        try:
            if await query(url, statement) == wanted:
                return
        except (OSError, asyncpg.PostgresError):
            pass
        await asyncio.sleep(0.01)
