"""`DATABASE_URL` in the forms people write it, to a real server."""

from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from app.db.engine import create_engine
from app.embedded.ports import free_port

pytestmark = pytest.mark.anyio


async def database_of(url: str) -> str:
    """The name of the database that an engine of `url` talks to."""
    engine = create_engine(url, pool_size=1, timeout=10)
    try:
        async with engine.connect() as connection:
            name: str = (await connection.execute(text("SELECT current_database()"))).scalar_one()
            return name
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://{login}@{host}/{name}",
        "postgres://{login}@{host}/{name}",
        "postgresql+asyncpg://{login}@{host}/{name}",
        "postgresql+psycopg2://{login}@{host}/{name}",
        "postgresql://{login}@{host}/{name}?sslmode=disable&application_name=mine",
        "postgresql://{login}@127.0.0.1:{closed},{host}/{name}",
        "postgresql://{login}@{host},127.0.0.1:{closed}/{name}?target_session_attrs=read-write",
        "postgresql:///{name}?host=127.0.0.1&port={port}&user={user}&password={password}",
    ],
)
async def test_the_database_is_reached(database: str, form: str) -> None:
    parts = urlsplit(database)
    login, _, host = parts.netloc.rpartition("@")
    url = form.format(
        login=login,
        host=host,
        name=parts.path[1:],
        closed=free_port(),
        port=parts.port,
        user=parts.username,
        password=parts.password,
    )
    assert await database_of(url) == parts.path[1:]
