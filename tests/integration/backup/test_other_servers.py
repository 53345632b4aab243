"""Backups of older servers and of older versions of the product, and of embedded servers that do not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from app.backup import tools
from support.backups import AGREED, back_up, checked
from support.older_postgres import made_by_older, run_by_older
from support.processes import called
from support.schema_databases import query, run_sql

RUNS = "INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 20)"


@contextmanager
def only_bundled_tools() -> Iterator[None]:
    """As on a machine without the programs of PostgreSQL."""
    with patch.object(tools, "_PACKAGED", ()), patch.object(tools.shutil, "which", return_value=None):
        yield


def test_an_older_server_is_backed_up_and_restored_there_and_into_a_newer_one(
    database: str, empty_database: str, tmp_path: Path
) -> None:
    newer = back_up(database, tmp_path / "newer.dump")
    older = made_by_older(tmp_path / "older")
    with run_by_older(older):
        assert called("schema", "sync", DATABASE_URL=older.url).returncode == 0
        run_sql(older.url, RUNS)
        path = back_up(older.url, tmp_path / "older.dump")
        refused = called("restore", newer, "--replace", DATABASE_URL=older.url)
        assert refused.stderr == (
            f"runlog: {newer} was made from PostgreSQL 18, and this is 15: restore it into 18 or later\n"
        )
        there = called("restore", path, "--replace", DATABASE_URL=older.url)
        assert (there.returncode, there.stdout) == (0, f"restored 20 runs of 1 agent\n{AGREED}"), there.stderr
        assert checked(older.url) == 20
        with only_bundled_tools():
            bundled = back_up(older.url, tmp_path / "bundled.dump")
            there = called("restore", bundled, "--replace", DATABASE_URL=older.url)
        assert (there.returncode, there.stdout) == (0, f"restored 20 runs of 1 agent\n{AGREED}"), there.stderr
    here = called("restore", bundled, DATABASE_URL=empty_database)
    assert (here.returncode, here.stdout) == (0, f"restored 20 runs of 1 agent\n{AGREED}"), here.stderr
    run_sql(empty_database, RUNS)
    assert checked(empty_database) == 40


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    database: str, empty_database: str, tmp_path: Path
) -> None:
    run_sql(
        database, f"{RUNS}; DROP TABLE agent_run_usage; DROP TRIGGER agent_run_log_inserted ON agent_run_log"
    )
    path = back_up(database, tmp_path)
    done = called("restore", path, DATABASE_URL=empty_database)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "created table agent_run_usage" in lines
    assert "created trigger agent_run_log_inserted" in lines
    assert done.stdout.endswith(AGREED)
    assert checked(empty_database) == 20


def test_embedded_servers_that_do_not_run_are_backed_up_and_restored(tmp_path: Path, database: str) -> None:
    run_sql(database, RUNS)
    given = back_up(database, tmp_path / "given.dump")
    first, second = tmp_path / "first", tmp_path / "second"
    restored = called("restore", given, "--data-dir", first)
    assert (restored.returncode, restored.stdout) == (0, f"restored 20 runs of 1 agent\n{AGREED}")
    assert called("backup", tmp_path / "own.dump", "--data-dir", first).returncode == 0
    again = called("restore", tmp_path / "own.dump", "--data-dir", second)
    assert (again.returncode, again.stdout) == (0, f"restored 20 runs of 1 agent\n{AGREED}")
    missing = called("backup", tmp_path, "--data-dir", tmp_path / "none")
    assert missing.stderr == (
        f"runlog: there is no database in {tmp_path / 'none'}, and DATABASE_URL is not set\n"
    )
    assert query(database, "SELECT count(*) FROM agent_run_log") == [(20,)]
