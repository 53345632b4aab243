"""A server of a test's own, to make roles on: they belong to all databases of a server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.embedded.postgres import Postgres
from app.schema.roles import sync_roles
from app.schema.sync import sync_schema
from support.database import execute
from support.processes import free_port

PASSWORD = "only-here"


@contextmanager
def server_of_its_own(directory: Path) -> Iterator[Postgres]:
    """PostgreSQL with an empty database."""
    server = Postgres(directory, password=PASSWORD, port=free_port(), settings={"fsync": "off"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def as_login(url: str, name: str) -> str:
    """`url` for the login role `name`, which has the test's password."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{name}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}").geturl()


def with_roles(url: str) -> None:
    """Make the tables and the roles, and of each role a login: `service`, `pages`, `checker`, `admin`."""

    async def make() -> None:
        await sync_schema(url)
        await sync_roles(url)
        for login, group in {
            "service": "runlog_writer",
            "pages": "runlog_reader",
            "checker": "runlog_auditor",
            "admin": "runlog_owner",
        }.items():
            await execute(url, f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}' IN ROLE {group}")

    asyncio.run(make())
