"""The drill: back up while agents report, restore, compare, and go on from there."""

from pathlib import Path

from support.background import Background
from support.backups import AGREED, back_up, checked, markers
from support.load import Load, under_way
from support.processes import called, serving
from support.schema_databases import query, run_sql


def test_a_backup_under_load_has_all_of_one_moment_and_goes_on(
    database: str, empty_database: str, tmp_path: Path, background: Background
) -> None:
    with serving(env={}, log=tmp_path / "serve.log") as url, under_way(Load(url, background)) as load:
        ((rated,),) = query(database, "SELECT CAST(id AS text) FROM agent_run_log LIMIT 1")
        assert called("rate", str(rated), "0.25", DATABASE_URL=database).returncode == 0
        before = {run.marker for run in list(load.runs) if run.acknowledged}
        path = back_up(database, tmp_path)
        load.wait_for(20)
    restored = called("restore", path, DATABASE_URL=empty_database)
    assert restored.returncode == 0, restored
    assert restored.stdout.endswith(AGREED)
    found = markers(empty_database)
    # Nothing is lost, nothing is doubled, and all of it is of the log that was backed up.
    assert before <= set(found) < set(markers(database))
    assert set(found.values()) == {1}
    assert restored.stdout.startswith(f"restored {checked(empty_database):,} runs of 5 agents\n")
    rating = "SELECT CAST(run_id AS text), rater, CAST(rating AS text), updated_at FROM agent_run_feedback"
    assert query(empty_database, rating) == query(database, rating) != []
    check_it_goes_on(empty_database, tmp_path, background)


def check_it_goes_on(url: str, directory: Path, background: Background) -> None:
    """Triggers and silence counts work on the restored database as on any."""
    before = checked(url)
    run_sql(
        url,
        "INSERT INTO agent_run_log (agent_id, status) VALUES ('by-sql', 'failed'), ('agent-1', 'success')",
    )
    server = {"DATABASE_URL": url}
    with serving(env=server, log=directory / "again.log") as served, under_way(Load(served, background)):
        pass
    assert checked(url) > before + 50
    assert called("schema", "check", DATABASE_URL=url).stdout == ""


def test_a_log_with_rows_is_replaced_under_load_only_where_that_is_asked(
    database: str, tmp_path: Path, background: Background
) -> None:
    run_sql(
        database, "INSERT INTO agent_run_log (agent_id) SELECT 'of-the-backup' FROM generate_series(1, 300)"
    )
    path = back_up(database, tmp_path)
    with serving(env={}, log=tmp_path / "serve.log") as url, under_way(Load(url, background)) as load:
        refused = called("restore", path)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            "runlog: the database is not empty, for agent_run_log has rows: nothing was restored;"
            " --replace drops what is there\n"
        )
        assert len(markers(database)) >= 50
        replaced = called("restore", path, "--replace")
        assert replaced.returncode == 0, replaced.stderr
        after = len(load.runs)
        load.wait_for(100)
    found = markers(database)
    # The same server goes on: what it has acknowledged since is there, once.
    acknowledged = {run.marker for run in load.runs[after:] if run.acknowledged}
    assert acknowledged <= set(found)
    assert set(found.values()) == {1}
    assert query(database, "SELECT count(*) FROM agent_run_log WHERE agent_id = 'of-the-backup'") == [(300,)]
    checked(database)
    assert load.unexpected == []
