"""`DATABASE_URL` in the forms people write it, to a real server."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from app.db.engine import create_engine
from app.db.hosts import Hosts
from app.db.plain_errors import plain_errors
from app.embedded.ports import LOOPBACK
from app.errors import DatabaseError
from support.processes import called, free_port, running
from support.proxy import proxied

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


async def test_a_login_in_pieces_is_read(database: str) -> None:
    parts = urlsplit(database)

    async def pass_in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(passed_on(reader, to_server, 1024), passed_on(from_server, writer, 3))

    async with await asyncio.start_server(pass_in_pieces, LOOPBACK, 0) as server:
        address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        url = f"postgresql://{parts.netloc.rpartition('@')[0]}@{address}{parts.path}?sslmode=disable"
        assert await database_of(url) == parts.path[1:]


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    """What comes of `reader`, at most `size` bytes at a time."""
    while piece := await reader.read(size):
        writer.write(piece)
        await writer.drain()
    writer.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of a server that accepts connections and never answers, as a frozen one."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield f"{LOOPBACK}:{server.getsockname()[1]}"


@pytest.fixture(params=["drips", "answers with zeros"])
def no_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Host and port of a server of something else: a parameter now and then, or zeros at once."""
    with socket.create_server((LOOPBACK, 0)) as server, ThreadPoolExecutor() as threads:
        ended = threading.Event()

        def answer() -> None:
            with suppress(OSError):
                while True:
                    threads.submit(talk, server.accept()[0])

        def talk(client: socket.socket) -> None:
            with client, suppress(OSError):
                client.sendall(b"N" if request.param == "drips" else b"\0" * 4096)
                while not ended.wait(0.05):
                    client.sendall(b"S\0\0\0\x08a\0b\0")

        threads.submit(answer)
        yield f"{LOOPBACK}:{server.getsockname()[1]}"
        ended.set()
        server.shutdown(socket.SHUT_RDWR)


async def test_what_is_no_database_is_given_up(no_database: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # of any kind
        await Hosts(f"postgresql://runlog@{no_database}/runlog", timeout=0.5).connect()


@pytest.mark.parametrize(
    ("first", "options"),
    [(b"", "?sslmode=disable"), (b"N", ""), (b"R\0\0\0\x08\0\0\0\0", "?sslmode=disable")],
    ids=["without TLS", "after refusing TLS", "after a login"],
)
def test_zeros_without_end_stop_no_process(first: bytes, options: str, tmp_path: Path) -> None:
    """The driver would read them for ever, so that nothing within its process could end this test."""
    log = tmp_path / "log"
    with zeros(first) as address:
        env = {"DATABASE_URL": f"postgresql://runlog@{address}/runlog{options}"}
        with running("runs", env=env, log=log) as process:
            assert process.wait(60) == 1
    assert log.read_text() == (
        "runlog: the database cannot be reached: its address answers, but not in PostgreSQL's protocol\n"
    )


@contextmanager
def zeros(first: bytes) -> Iterator[str]:
    """Host and port of a server that answers with `first`, and then with zeros."""

    class Zeros(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(1024)
                self.request.sendall(first)
                if first == b"N":
                    self.request.recv(1024)
                self.request.sendall(b"\0" * 4096)
                self.request.recv(1024)

    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Zeros) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"{LOOPBACK}:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("target", ["read-write", "primary", "any", "prefer-standby", None])
@pytest.mark.parametrize("form", ["postgresql://{login}@{silent},{host}/{name}", "{silent},{host}"])
async def test_a_silent_host_keeps_nobody_from_the_next(
    database: str, silent: str, target: str | None, form: str
) -> None:
    parts = urlsplit(database)
    login, _, host = parts.netloc.rpartition("@")
    if form.startswith("postgresql"):
        url = form.format(login=login, silent=silent, host=host, name=parts.path[1:]) + "?"
    else:
        names, ports = zip(*(each.split(":") for each in (silent, host)), strict=True)
        url = f"postgresql://{login}@{parts.path}?host={','.join(names)}&port={','.join(ports)}"
    assert await database_of(url + (f"&target_session_attrs={target}" if target else "")) == parts.path[1:]


async def test_the_host_that_took_writes_is_asked_first_from_then_on(database: str, silent: str) -> None:
    parts = urlsplit(database)
    login, _, host = parts.netloc.rpartition("@")
    hosts = Hosts(f"postgresql://{login}@{silent},{host}{parts.path}?target_session_attrs=primary", timeout=1)
    for _ in range(2):
        await (await hosts.connect()).close()
    silent_is_last = Hosts(f"postgresql://{login}@{host},{silent}{parts.path}", timeout=1)
    assert hosts.urls == [f"{url}?target_session_attrs=primary" for url in silent_is_last.urls]


async def test_a_host_whose_connection_was_lost_or_hung_is_asked_later(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was frozen, lost its standby meanwhile, and now accepts logins but commits nothing."""
    parts = urlsplit(database)
    login, _, host = parts.netloc.rpartition("@")
    url = f"postgresql://{login}@{host},127.0.0.2:{parts.port}{parts.path}?target_session_attrs=read-write"
    made: list[Hosts] = []
    begin = Hosts.__init__
    monkeypatch.setattr(Hosts, "__init__", lambda self, *a, **k: (made.append(self), begin(self, *a, **k))[1])
    engine = create_engine(url, pool_size=1, timeout=10)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            assert host in made[0].urls[0]
            await connection.invalidate()
        assert "127.0.0.2" in made[0].urls[0]
    finally:
        await engine.dispose()


async def test_a_standby_is_not_what_read_write_asks_for(database: str, silent: str) -> None:
    """Of each host it is said what is wrong."""
    parts = urlsplit(database)
    login, _, host = parts.netloc.rpartition("@")
    url = f"postgresql://{login}@{silent},{host}{parts.path}?target_session_attrs=standby"
    said = rf"{silent}: no answer within .*{host}: does not match"
    with pytest.raises(DatabaseError, match=said), plain_errors():
        await database_of(url)


def test_commands_reach_the_next_host_too(database: str, silent: str) -> None:
    login, _, host = urlsplit(database).netloc.rpartition("@")
    url = f"postgresql://{login}@{silent},{host}{urlsplit(database).path}"
    for command in (("runs",), ("schema", "check"), ("schema", "sync")):
        ended = called(*command, DATABASE_URL=url)
        assert (ended.returncode, ended.stderr) == (0, ""), command


async def test_a_server_that_hangs_is_not_waited_for_at_the_end(database: str) -> None:
    async with proxied(database) as (proxy, url):
        engine = create_engine(url, pool_size=1, timeout=3600)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        proxy.stall()
        await engine.dispose()
        proxy.resume()
