"""The data of an older major version of PostgreSQL is taken over whole by the installed one."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import programs, upgrade
from app.embedded.postgres import Postgres
from app.embedded.process import EmbeddedServerError
from app.embedded.programs import keep_programs, version
from app.embedded.server import NEW_PASSWORD
from app.schema.sync import find_drift, sync_schema
from support.backups import checked
from support.older_postgres import made_by_older, older_binaries, remove, run_by_older
from support.processes import eventually
from support.schema_databases import query, run_sql
from support.standby import copy_of

# The last releases of PostgreSQL 15 mark columns by an option that an 18 released before them does not know.
UNMARK = "UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text LIKE '%pg_attver%'"
RUNS = "INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 500)"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with 500 runs by PostgreSQL 15, killed and not started since; to be copied."""
    server = made_by_older(tmp_path_factory.mktemp("old") / "postgres")
    with run_by_older(server):
        asyncio.run(sync_schema(server.url))
        run_sql(server.url, RUNS)
        run_sql(server.url, UNMARK)
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: server.poll() is not None)
    yield server
    remove(server)


@pytest.fixture
def server(old: Postgres, tmp_path: Path) -> Iterator[Postgres]:
    made = copy_of(old, tmp_path / "a long name with a space" / "postgres")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _room(tmp_path: Path) -> None:
    (tmp_path / "a long name with a space").mkdir()


def check_taken_over(server: Postgres) -> None:
    """It is of the installed version, whole, and goes on."""
    major = version().partition(".")[0]
    assert (server.data / "PG_VERSION").read_text() == f"{major}\n"
    assert query(server.url, "SHOW server_version") == [(version(),)]
    assert checked(server.url) == 500
    assert asyncio.run(find_drift(server.url)) == []
    run_sql(server.url, RUNS)
    assert checked(server.url) == 1000


def test_data_of_an_older_version_is_taken_over_and_kept(
    server: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    server.start()
    check_taken_over(server)
    kept = server.directory / "data.15"
    assert (kept / "PG_VERSION").read_text() == "15\n"
    assert f"the data as it was is kept in {kept}" in capsys.readouterr().err
    server.stop()
    server.start()
    assert checked(server.url) == 1000
    assert sorted(path.name for path in server.directory.iterdir()) == ["data", "data.15", "server.log"]
    # It is finished where it ended between its renames.
    server.stop()
    server.data.rename(server.directory / "data.upgraded")
    server.start()
    assert checked(server.url) == 1000


def test_a_failed_upgrade_leaves_the_data_to_its_own_version_and_is_no_obstacle_to_the_next(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "_same_as", lambda *_: ["--wal-segsize=64"])
    with pytest.raises(EmbeddedServerError, match="pg_upgrade ended with status 1"):
        server.start()
    with run_by_older(server):
        assert query(server.url, "SELECT count(*) FROM agent_run_log") == [(500,)]
    monkeypatch.undo()
    # Nor is a lost password, and what an interrupted upgrade left.
    (server.directory / NEW_PASSWORD).touch()
    server.password = "another"
    for name in ("data.upgrade", "data.upgraded"):
        (server.directory / name).mkdir(exist_ok=True)
    server.start()
    check_taken_over(server)


def test_the_programs_of_a_version_are_kept_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    major = version().partition(".")[0]
    monkeypatch.setattr(programs, "_PACKAGED", ())
    assert programs.find_old(tmp_path, major) is None
    keep_programs(tmp_path)
    kept = programs.find_old(tmp_path, major)
    assert kept == tmp_path / f"programs-{major}" / "bin"
    said = subprocess.run([kept / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert version() in said.stdout
    before = (kept / "postgres").stat().st_ctime_ns
    keep_programs(tmp_path)
    assert (kept / "postgres").stat().st_ctime_ns == before
    # They are kept again where the minor version is another one.
    (kept.parent / "version").write_text("18.0")
    keep_programs(tmp_path)
    assert (kept.parent / "version").read_text() == version()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("programs")) == [
        f"programs-{major}"
    ]


def test_the_kept_programs_come_before_those_of_a_package(tmp_path: Path) -> None:
    assert programs.find_old(tmp_path, "15") == older_binaries()
    (tmp_path / "programs-15").mkdir()
    (tmp_path / "programs-15" / "bin").symlink_to(older_binaries())
    assert programs.find_old(tmp_path, "15") == tmp_path / "programs-15" / "bin"
