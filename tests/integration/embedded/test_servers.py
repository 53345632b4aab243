"""The embedded PostgreSQL and Valkey, as users meet them: new, again, after a crash, as root and not."""

import asyncio
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from app.embedded.identity import unprivileged
from app.embedded.ports import LOOPBACK, free_port, is_free
from app.embedded.postgres import Postgres
from app.embedded.process import EmbeddedServerError, processes_in
from app.embedded.server import Server
from app.embedded.valkey import Valkey
from app.errors import RunLogError
from support.processes import eventually
from support.standby import copy_of

PASSWORD = "a-password"

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the parent-death signal")
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that every account can reach, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="runlog-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def initialized(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """A stopped server of the installed version."""
    server = Postgres(tmp_path_factory.mktemp("initialized"), password=PASSWORD, port=free_port())
    server.start()
    server.stop()
    return server


@pytest.fixture(scope="module")
def postgres(initialized: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that runs, which the tests of this module share."""
    server = copy_of(initialized, tmp_path_factory.mktemp("shared") / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", password=PASSWORD, port=free_port())
    server.start()
    yield server
    server.stop()


def sql(url: str, *statements: str) -> Any:
    """Run statements in one connection; the last one's single value."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def restart(server: Server) -> None:
    server.stop()
    server.start()


def test_postgres_keeps_its_data(postgres: Postgres) -> None:
    sql(postgres.url, "CREATE TABLE kept AS SELECT 1 AS value")
    restart(postgres)
    assert sql(postgres.url, "SELECT value FROM kept") == 1


def test_postgres_is_set_up_for_utc_and_utf8(postgres: Postgres) -> None:
    assert sql(postgres.url, "SHOW timezone") == "UTC"
    assert sql(postgres.url, "SHOW server_encoding") == "UTF8"
    assert sql(postgres.url, "SELECT upper('ä')") == "Ä"


def test_postgres_takes_settings(initialized: Postgres, tmp_path: Path) -> None:
    server = copy_of(initialized, tmp_path / "postgres", fsync="off", work_mem="8MB")
    server.start()
    assert sql(server.url, "SHOW work_mem") == "8MB"
    server.stop()


def test_postgres_recovers_committed_rows_after_a_crash(postgres: Postgres) -> None:
    sql(postgres.url, "CREATE TABLE t (value int)", "INSERT INTO t SELECT generate_series(1, 1000)")
    os.kill(postgres.pid, signal.SIGKILL)
    assert eventually(lambda: postgres.poll() == -signal.SIGKILL)
    postgres.start()
    assert sql(postgres.url, "SELECT count(*) FROM t") == 1000


@pytest.mark.parametrize("password", ["wrong", ""])
def test_postgres_wants_the_password(postgres: Postgres, password: str) -> None:
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        sql(postgres.url.replace(PASSWORD, password), "SELECT 1")


@linux
def test_a_stale_pid_file_of_a_recycled_process_id_is_no_obstacle(postgres: Postgres) -> None:
    postgres.stop()
    pid_file = postgres.data / "postmaster.pid"
    pid_file.write_text(
        f"{os.getpid()}\n{postgres.data}\n1700000000\n{postgres.port}\n\n127.0.0.1\n0 0\nready\n"
    )
    postgres.start()
    assert sql(postgres.url, "SELECT 1") == 1


def test_an_initialization_cut_short_is_begun_again_also_where_a_path_has_spaces_and_quotes(
    tmp_path: Path,
) -> None:
    directory = tmp_path / 'it\'s a "path"'
    unfinished = directory / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    for server_class in (Postgres, Valkey):
        server = server_class(directory, password=PASSWORD, port=free_port())
        server.start()
        restart(server)
        server.stop()
        assert server.poll() == 0
        shutil.rmtree(server.data)


@pytest.mark.parametrize("server_class", [Postgres, Valkey])
def test_a_taken_port_is_an_error_with_the_end_of_the_log(
    initialized: Postgres, tmp_path: Path, server_class: type[Server]
) -> None:
    directory = initialized.directory if server_class is Postgres else tmp_path
    with socket.create_server((LOOPBACK, 0)) as other:
        server = server_class(directory, password=PASSWORD, port=other.getsockname()[1])
        with pytest.raises(EmbeddedServerError, match="Address already in use"):
            server.start()
        assert server.poll() is not None


def test_valkey_keeps_its_data(valkey: Valkey) -> None:
    redis.Redis.from_url(valkey.url).set("key", "value")
    restart(valkey)
    assert redis.Redis.from_url(valkey.url).get("key") == b"value"


def test_valkey_keeps_its_data_when_killed(valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.rpush("queue", *range(1000))
    client.execute_command("WAITAOF", 1, 0, 10_000)
    os.kill(valkey.pid, signal.SIGKILL)
    assert eventually(lambda: valkey.poll() == -signal.SIGKILL)
    valkey.start()
    assert client.llen("queue") == 1000


def test_valkey_wants_the_password(valkey: Valkey) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port).ping()


@linux
def test_no_other_user_can_read_the_password(postgres: Postgres, valkey: Valkey) -> None:
    for server in (postgres, valkey):
        assert PASSWORD not in Path(f"/proc/{server.pid}/cmdline").read_text()
        readable = [path for path in server.directory.iterdir() if path.stat().st_mode & 0o077]
        assert readable == []


STARTER = """
import sys, time
from pathlib import Path
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

for server_class in (Postgres, Valkey):
    server_class(Path(sys.argv[1]) / server_class.__name__, password="p", port=free_port()).start()
print("started", flush=True)
time.sleep(600)
"""


@linux
def test_a_program_of_any_name_may_run_beside_them(tmp_path: Path) -> None:
    program = tmp_path / os.fsdecode(b"c\xff")
    sleep = shutil.which("sleep")
    assert sleep is not None
    program.symlink_to(sleep)
    with subprocess.Popen([program, "600"]) as process:
        try:
            assert list(processes_in(tmp_path, "postgres")) == []
        finally:
            process.kill()


@linux
def test_a_killed_parent_leaves_nothing_running(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, tmp_path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        parent.kill()
    postgres = Postgres(tmp_path / "Postgres", password="p", port=free_port())
    valkey = Valkey(tmp_path / "Valkey", password="p", port=free_port())
    for server in (postgres, valkey):
        assert eventually(lambda server=server: not list(processes_in(server.data, server.program)), 5)
        server.start()
        server.stop()
    assert "was not properly shut down" not in postgres.log.read_text()


def test_free_port_prefers_what_it_is_told() -> None:
    port = free_port()
    assert is_free(port)
    assert free_port(port) == port
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
        assert free_port(port) != port


@linux
@root
def test_root_becomes_another_account_where_that_can_reach_the_data_or_could(reachable: Path) -> None:
    server = Postgres(reachable / "postgres", password=PASSWORD, port=free_port())
    server.start()
    sql(server.url, "CREATE TABLE t AS SELECT 1 AS value")
    server.stop()
    assert server.data.stat().st_uid != 0
    assert (reachable.stat().st_uid, reachable.stat().st_mode & 0o777) == (0, 0o755)
    for mode in (0o755, 0o700):
        reachable.chmod(mode)
        server.start()
        assert sql(server.url, "SELECT value FROM t") == 1
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.data.stat().st_uid != 0
        server.stop()


@linux
@root
def test_root_uses_a_user_namespace_where_no_account_can_reach_the_data(reachable: Path) -> None:
    private = reachable / "private"
    private.mkdir(mode=0o700)
    server = Postgres(private / "postgres", password=PASSWORD, port=free_port())
    server.start()
    restart(server)
    assert sql(server.url, "SELECT 1") == 1
    server.stop()
    assert server.data.stat().st_uid == 0
    assert private.stat().st_mode & 0o777 == 0o700


@linux
@root
def test_why_no_account_can_be_used_is_said_of_each(reachable: Path) -> None:
    directory, nowhere = reachable / "postgres", Path("/nowhere/postgres")
    directory.mkdir()
    with pytest.raises(RunLogError) as refused:
        unprivileged(directory, directory / "data", nowhere)
    _, _, reasons = str(refused.value).partition("other accounts can reach (")
    assert len(reasons.split("; ")) >= 2
    for reason in reasons.removesuffix(")").split("; "):
        assert re.fullmatch(rf"user .+: (.*{nowhere}: not found|cannot be entered: .+)", reason), reason


def _start_as_nobody(directory: Path, ports: tuple[int, int]) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    for server_class, port in zip((Postgres, Valkey), ports, strict=True):
        server = server_class(directory / server_class.__name__, password=PASSWORD, port=port)
        server.start()
        restart(server)
        server.stop()


@linux
@root
def test_a_normal_user_needs_nothing_special(reachable: Path) -> None:
    os.chown(reachable, 65534, 65534)
    # Forked, because an account that cannot reach this interpreter can still run it on; looking for
    # ports there would import more of it.
    arguments = (reachable, (free_port(), free_port()))
    child = multiprocessing.get_context("fork").Process(target=_start_as_nobody, args=arguments)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert (reachable / "Postgres" / "data").stat().st_uid == 65534
