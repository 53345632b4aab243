"""`runlog import openclaw`: history from JSON and from the gateway's database, once."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from app.api.internal import openclaw
from support.openclaw import DATA, body, make_database
from support.processes import called


def fetched(url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    """All rows of a statement."""

    async def fetch() -> list[asyncpg.Record]:
        db = await asyncpg.connect(url)
        try:
            return await db.fetch(statement, *arguments)
        finally:
            await db.close()

    return asyncio.run(fetch())


def value(url: str, statement: str) -> Any:
    """The one value of a statement."""
    return fetched(url, statement)[0][0]


def imported(*sources: str | Path, **env: str) -> dict[str, Any]:
    """What came of an import that must succeed."""
    done = called("import", "openclaw", "--json", *sources, **env)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def refused(*sources: str | Path) -> str:
    """What an import that must fail says."""
    done = called("import", "openclaw", *sources)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


def test_a_gateways_database_is_imported_once(database: str, tmp_path: Path) -> None:
    source = make_database(tmp_path / "openclaw/state/openclaw.sqlite").parents[1]
    expected = {"imported": 32, "known": 0, "refused": 0, "left_out": {"system": 2}, "jobs": 35}
    would = imported("--dry-run", source)
    assert {name: would[name] for name in expected} == expected
    assert value(database, "SELECT count(*) FROM agent_run_log") == 0
    assert value(database, "SELECT count(*) FROM openclaw_job") == 0
    done = imported(source)
    assert {name: done[name] for name in expected} == expected
    again = imported(source)
    assert (again["imported"], again["known"]) == (0, 32)
    counts = fetched(
        database, "SELECT agent_id, status, count(*) FROM agent_run_log GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(row) for row in counts] == [
        ("main", "failed", 6),
        ("main", "success", 18),
        ("ops", "failed", 4),
        ("ops", "success", 4),
    ]


def test_runs_keep_their_times_and_their_order(database: str, tmp_path: Path) -> None:
    imported(make_database(tmp_path / "openclaw.sqlite"))
    rows = fetched(
        database,
        """
        SELECT report.source, report.started_at, report.finished_at, run.created_at
        FROM agent_run_report AS report JOIN agent_run_log AS run ON run.id = report.run_id
        ORDER BY run.created_at
    """,
    )
    assert {row["source"] for row in rows} == {"openclaw-history"}
    for agent in ("main", "ops"):
        starts = fetched(
            database,
            "SELECT started_at FROM agent_run_report AS report JOIN agent_run_log AS run ON run.id = run_id"
            " WHERE agent_id = $1 ORDER BY created_at",
            agent,
        )
        assert [row[0] for row in starts] == sorted(row[0] for row in starts)
    first = min(row["started_at"] for row in rows)
    assert first == datetime.fromisoformat("2026-11-22T07:21:35.413Z")
    assert all(row["finished_at"] >= row["started_at"] for row in rows)
    assert all(row["created_at"] > row["finished_at"] for row in rows)


def test_a_gateway_may_be_writing_meanwhile(database: str, tmp_path: Path) -> None:
    """What it has committed is in the log of writes beside the file, and what it has not is left alone."""
    path = make_database(tmp_path / "openclaw.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as gateway:
        gateway.execute("PRAGMA wal_autocheckpoint=0")
        gateway.execute("DELETE FROM task_runs WHERE label = 'cmdok'")
        gateway.execute("BEGIN IMMEDIATE")
        gateway.execute("DELETE FROM task_runs")
        assert (tmp_path / "openclaw.sqlite-wal").stat().st_size > 0
        assert imported(path)["imported"] == 32  # the two of cmdok from their receipts
        gateway.execute("ROLLBACK")
    assert (
        value(database, "SELECT count(*) FROM agent_run_log WHERE action_summary LIKE '%queue depth%'") == 0
    )


def test_nothing_is_written_beside_its_database(database: str, tmp_path: Path) -> None:
    path = make_database(tmp_path / "state/openclaw.sqlite")
    before = [(each.name, each.stat().st_mtime_ns) for each in path.parent.iterdir()]
    path.parent.chmod(0o555)
    try:
        assert imported("--dry-run", path)["imported"] == 32
    finally:
        path.parent.chmod(0o755)
    assert [(each.name, each.stat().st_mtime_ns) for each in path.parent.iterdir()] == before


def test_other_versions_of_its_database(database: str, tmp_path: Path) -> None:
    path = make_database(tmp_path / "openclaw.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE cron_run_receipts")
        connection.execute("ALTER TABLE task_runs DROP COLUMN terminal_summary")
        connection.execute("ALTER TABLE cron_jobs DROP COLUMN state_json")
        connection.execute("ALTER TABLE task_runs ADD COLUMN something_new TEXT")
        connection.execute("UPDATE cron_jobs SET job_json = 'broken' WHERE name = 'cmdok'")
        connection.commit()
    assert imported("--dry-run", path)["imported"] == 32


def test_json_of_its_commands(database: str) -> None:
    names = ("cli-cron-list", "rpc-cron-runs-all", "http-admin-rpc-cron-runs", "history-run-hookslow")
    done = imported(*(DATA / f"{name}.json" for name in names))
    assert (done["imported"], done["jobs"]) == (5, 20)  # one run stands in two of them
    assert done["declared"] == {"ops": {"schedule": "every 6h", "timezone": "UTC"}}
    assert done["not_declared"] == {"main": "of several jobs one has an interval"}
    assert value(database, "SELECT schedule FROM agent WHERE agent_id = 'ops'") == "every 6h"
    piped = called("import", "openclaw", "-", stdin=json.dumps(body("cli-cron-runs-interrupted")))
    assert piped.stdout == "Imported 1 run; 0 known already\n"


def test_what_the_plugin_has_reported_is_merged(database: str) -> None:
    async def report() -> None:
        await openclaw.record(openclaw.facts_of(body("webhook-success-agentId-ops")))

    asyncio.run(report())
    done = called("import", "openclaw", DATA / "rpc-cron-runs-all.json")
    assert done.stdout.startswith("Imported 2 runs; 1 known already")
    assert value(database, "SELECT count(*) FROM agent_run_log") == 3


def test_agents_have_the_names_that_are_set(database: str) -> None:
    imported(DATA / "rpc-cron-runs-all.json", RUNLOG_OPENCLAW_AGENTS="main=sage,ops=nova")
    assert {row[0] for row in fetched(database, "SELECT agent_id FROM agent_run_log")} == {"sage", "nova"}


def test_what_is_no_history_is_named(database: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"runs": []}', encoding="utf-8")
    assert refused(other).startswith(f"runlog: {other}: this holds no jobs and no runs of OpenClaw")
    other.write_text("{", encoding="utf-8")
    assert str(other) in refused(other)
    assert str(tmp_path / "missing") in refused(tmp_path / "missing")
    empty = tmp_path / "empty.sqlite"
    with closing(sqlite3.connect(empty)) as connection:
        connection.execute("CREATE TABLE something (id)")
    assert "none of OpenClaw's tables" in refused(empty)
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    assert str(broken) in refused(broken)
