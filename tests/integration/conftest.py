"""What only few tests need, and is dear to start."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from app.embedded.postgres import Postgres
from app.schema.sync import sync_schema
from support.processes import free_port
from support.standby import Pair, copy_of, make_primary, start_pair


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A primary and its synchronous standby, both with the product's tables; tests leave them in step."""
    directory = tmp_path_factory.mktemp("pair")
    password = secrets.token_hex(8)
    first = Postgres(directory / "first", password=password, port=free_port(), settings={"fsync": "off"})
    first.start()
    asyncio.run(sync_schema(first.url))
    first.stop()
    servers: list[Postgres] = []

    def make(name: str, **settings: str) -> Postgres:
        servers.append(copy_of(first, directory / name, **settings, fsync="off"))
        return servers[-1]

    yield asyncio.run(start_pair(make, make_primary(make)))
    for server in servers:
        server.stop()
