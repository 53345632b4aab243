"""Poolers in transaction mode: a real PgBouncer, and a proxy that refuses what one would."""

import asyncio
import os
import re
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from support.processes import eventually, free_port

PGBOUNCER = os.environ.get("RUNLOG_TEST_PGBOUNCER") or shutil.which("pgbouncer")
LEAST_VERSION = (1, 21)
"""The first that keeps prepared statements in transaction mode."""

# Sent first by a client, instead of the protocol's version (PostgreSQL documentation, "Message Formats").
SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
# What PgBouncer takes without further configuration (its documentation, "ignore_startup_parameters").
TAKEN = {
    *("user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"),
    *("application_name", "options"),
}
# What is a session's, not a transaction's (PgBouncer's documentation, "SQL feature map"). asyncpg switches
# `jit` off to look up types, and on again: either only changes the speed of who has the session next.
OF_A_SESSION = re.compile(
    r"(?i)^\s*(?:SET\s+(?!LOCAL\b|TRANSACTION\b)|LISTEN\b|PREPARE\b|CREATE\s+TEMP|DECLARE\b.*WITH\s+HOLD)"
    r"|\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(|\bset_config\((?!'jit')[^()]*,\s*false\)"
)


class StrictProxy:
    """Passes on to a server what a pooler in transaction mode can; `refused` is what it could not."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.refused: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One client's connection."""
        with suppress(OSError, asyncio.IncompleteReadError):
            body = await _first_message(reader)
            while _code(body) == SSL_REQUEST:
                client.write(b"N")
                body = await _first_message(reader)
            words = [] if _code(body) == CANCEL_REQUEST else body[4:].decode().split("\0")
            if unknown := {name for name in words[::2] if name} - TAKEN:
                self.refused += unknown
                _refuse(client, f"unsupported startup parameter: {min(unknown)}")
                return
            server_reader, server = await asyncio.open_connection(*self._target)
            server.write(struct.pack("!i", len(body) + 4) + body)
            await asyncio.gather(self._ask(reader, server), _answer(server_reader, client))
        client.close()

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                kind, body = await _message(reader)
                if kind in b"QP":
                    text = body.split(b"\0")[kind == b"P"].decode()
                    self.refused += [each for each in text.split(";") if OF_A_SESSION.search(each)]
                server.write(kind + struct.pack("!i", len(body) + 4) + body)
        server.close()


async def _answer(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """Pass on what the server says; its process id is that of none, as a pooler's clients have it."""
    kind = b""
    with suppress(asyncio.IncompleteReadError):
        while True:
            kind, body = await _message(reader)
            if kind == b"K":
                body = struct.pack("!i", 0x7FFFFFFF) + body[4:]
            client.write(kind + struct.pack("!i", len(body) + 4) + body)
    client.close()


def _code(body: bytes) -> int:
    code: int = struct.unpack("!i", body[:4])[0]
    return code


async def _first_message(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return await reader.readexactly(length - 4)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    return kind, await _first_message(reader)


def _refuse(client: asyncio.StreamWriter, text: str) -> None:
    body = b"SFATAL\0C08P01\0M" + text.encode() + b"\0\0"
    client.write(b"E" + struct.pack("!i", len(body) + 4) + body)
    client.close()


@asynccontextmanager
async def strict_proxy(database: str) -> AsyncIterator[tuple[StrictProxy, str]]:
    """The proxy, and the URL of `database` through it."""
    parts = urlsplit(database)
    proxy = StrictProxy(parts.hostname or "", parts.port or 5432)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    yield proxy, through(database, server.sockets[0].getsockname()[1])
    server.close()


def through(database: str, port: int) -> str:
    """The URL of `database` by another port of this machine."""
    parts = urlsplit(database)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()


def pgbouncer_version() -> tuple[int, ...]:
    """Of the installed PgBouncer; `(0,)` where there is none."""
    if PGBOUNCER is None:
        return (0,)
    said = subprocess.run([PGBOUNCER, "--version"], capture_output=True, check=True, text=True).stdout
    return tuple(map(int, re.findall(r"\d+", said.partition("\n")[0])[:2]))


@contextmanager
def pgbouncer(database: str, directory: Path) -> Iterator[str]:
    """The URL of `database` through a PgBouncer of five servers' connections in transaction mode."""
    assert PGBOUNCER is not None
    parts, port = urlsplit(database), free_port()
    directory.mkdir(mode=0o755)
    users = directory / "users.txt"
    users.write_text(f'"{parts.username}" "{parts.password}"\n', encoding="utf-8")
    configuration, log = directory / "pgbouncer.ini", directory / "pgbouncer.log"
    configuration.write_text(
        f"""
[databases]
* = host={parts.hostname} port={parts.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
max_prepared_statements = 200
default_pool_size = 5
max_client_conn = 200
""",
        encoding="utf-8",
    )
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    with log.open("wb") as output:
        process = subprocess.Popen([PGBOUNCER, *account, configuration], stdout=output, stderr=output)
    try:
        assert eventually(lambda: b"process up" in log.read_bytes()), log.read_text(encoding="utf-8")
        yield through(database, port)
    finally:
        process.terminate()
        process.wait(30)
