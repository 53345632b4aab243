"""What is no backup, or does not fit, is refused in words, and changes nothing."""

import re
from pathlib import Path

import pytest

from app.backup.tools import Database
from support.backups import back_up
from support.processes import called
from support.schema_databases import query, run_sql

RUN = "INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 2000)"


@pytest.fixture
def backup(database: str, tmp_path: Path) -> Path:
    run_sql(database, RUN)
    return back_up(database, tmp_path / "a.dump")


def test_a_backup_that_is_cut_short_restores_nothing(backup: Path, empty_database: str) -> None:
    whole = backup.read_bytes()
    for length in (len(whole) // 2, len(whole) - 100):
        backup.write_bytes(whole[:length])
        done = called("restore", backup, DATABASE_URL=empty_database)
        assert done.returncode == 1
        # Who says so first: what is read of the backup ends within a row.
        assert re.search(r"(pg_restore|psql) ended with status \d", done.stderr)
        assert query(empty_database, "SELECT to_regclass('agent_run_log')") == [(None,)]


def test_a_failed_replacement_leaves_the_log_as_it_was(backup: Path, database: str) -> None:
    backup.write_bytes(backup.read_bytes()[:-100])
    assert called("restore", backup, "--replace", DATABASE_URL=database).returncode == 1
    assert query(database, "SELECT count(*), sum(runs) FROM agent_run_log, agent_run_state")[0][0] == 2000


def test_what_is_no_backup_is_refused(tmp_path: Path, empty_database: str) -> None:
    text = tmp_path / "runlog.sql"
    text.write_text("CREATE TABLE agent_run_log ()")
    run_sql(empty_database, "CREATE TABLE other AS SELECT 1 AS one")
    other = tmp_path / "other.dump"
    # A dump of a database without a log.
    assert called("backup", other, DATABASE_URL=empty_database).stderr == (
        "runlog: the database has no table agent_run_log: there is nothing to back up\n"
    )
    assert not other.exists()
    done = called("restore", text, DATABASE_URL=empty_database)
    assert (
        done.stderr == f"runlog: {text} is no backup: neither of `runlog backup` nor of `pg_dump -F custom`\n"
    )
    missing = called("restore", tmp_path / "missing", DATABASE_URL=empty_database)
    assert missing.stderr == f"runlog: cannot read {tmp_path / 'missing'}: No such file or directory\n"


def test_no_file_is_overwritten(backup: Path, database: str) -> None:
    before = backup.read_bytes()
    done = called("backup", backup, DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (
        1,
        f"runlog: {backup} is there already: give another name, or a directory, for a new file in it\n",
    )
    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.glob("*.dump")] == ["a.dump"]


def test_a_directory_gets_a_new_file_that_others_cannot_read(database: str, tmp_path: Path) -> None:
    path = back_up(database, tmp_path)
    assert path.parent == tmp_path
    assert path.name.startswith("runlog-2")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    done = called("backup", tmp_path, DATABASE_URL="postgresql://u:secret@127.0.0.1:1/runlog")
    assert done.returncode == 1
    assert done.stderr.startswith("runlog: the database cannot be reached: ")
    assert "secret" not in done.stderr


def test_rights_of_roles_that_are_not_there_are_named(
    backup: Path, database: str, empty_database: str
) -> None:
    run_sql(database, "DO $$ BEGIN CREATE ROLE runlog_reader_1; EXCEPTION WHEN duplicate_object THEN END $$")
    run_sql(database, "GRANT SELECT ON agent_run_log TO runlog_reader_1")
    path = back_up(database, backup.with_name("rights.dump"))
    called("restore", path, DATABASE_URL=empty_database)
    granted = "SELECT has_table_privilege('runlog_reader_1', 'agent_run_log', 'SELECT')"
    assert query(empty_database, granted) == [(True,)]
    run_sql(database, "DROP OWNED BY runlog_reader_1")
    run_sql(empty_database, "DROP OWNED BY runlog_reader_1; DROP ROLE runlog_reader_1")
    done = called("restore", path, "--replace", DATABASE_URL=empty_database)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "runlog: rights were not restored, for there is no role runlog_reader_1\n"
    # Nor may others call the functions, which have their owner's rights.
    public = (
        "SELECT bool_or(has_function_privilege('pg_monitor', oid, 'EXECUTE')) FROM pg_proc WHERE prosecdef"
    )
    assert query(empty_database, public) == [(False,)]


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql+asyncpg://u:p%40ss@h:5433/d", "postgresql://u@h:5433/d", "p@ss"),
        ("postgresql://u@a,b:1/d?password=p", "postgresql://u@a,b:1/d?target_session_attrs=read-write", "p"),
        ("postgresql:///d?host=/run/pg&ssl=require", "postgresql:///d?host=%2Frun%2Fpg&sslmode=require", ""),
        ("postgresql://u@h/d?search_path=log", "postgresql://u@h/d?options=-c%20search_path%3Dlog", ""),
    ],
)
def test_no_password_is_among_the_arguments_of_a_tool(url: str, shown: str, password: str) -> None:
    database = Database.at(url, embedded=False)
    assert (database.url, database.password) == (shown, password)
