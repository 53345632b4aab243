"""What only few tests need, and is dear to start."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest

from app.embedded.postgres import Postgres
from app.schema.sync import sync_schema
from support.database import execute
from support.log_changes import GUARD, UNGUARD
from support.processes import free_port
from support.standby import Pair, copy_of, make_primary, start_pair


@pytest.fixture(scope="session")
def running_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The servers of `pair`."""
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


@pytest.fixture
def pair(running_pair: Pair) -> Iterator[Pair]:
    """A primary and its synchronous standby, with an empty log; a test leaves them in step."""
    yield running_pair
    emptied = "; ".join((UNGUARD, "DELETE FROM agent_run_log", GUARD))
    asyncio.run(execute(running_pair.primary.url, emptied))
