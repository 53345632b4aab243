"""`runlog schema check` looks at what is derived from the log, and names what mends it."""

import asyncio
from typing import Any

import pytest

from app.schema import figures
from app.schema.sync import find_drift, rebuild_state, sync_schema
from support.log_changes import GUARD
from support.processes import called
from support.schema_databases import query, run_sql

RUNS = """
    INSERT INTO agent_run_log (agent_id, status, consecutive_silence_count, created_at, rlhf_scores)
    SELECT 'agent-' || n % 3, (ARRAY['success', 'failed'])[n % 2 + 1], n % 2,
        now() - n * interval '20 minutes', '{"overall": 0.5}'
    FROM generate_series(1, 300) AS n
"""
SHOWN = """
    UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.5, "auto": 0.5, "scorer": "rubric", "version": "1",
        "dimensions": {}, "reasons": [], "scored_at": "2026-11-22T10:00:00Z"}'
"""
DAMAGE = {
    "every rollup doubled": (
        "UPDATE run_rollup SET runs = 2 * runs; UPDATE agent_rollup SET scored = 2 * scored",
        ["run_rollup differs", "agent_rollup differs"],
    ),
    "results that are not counted": (
        SHOWN + "; DELETE FROM score_rollup",  # noqa: S608
        ["score_rollup differs from the log"],
    ),
    "an old hour is gone": (
        "DELETE FROM run_rollup WHERE bucket = (SELECT min(bucket) FROM run_rollup WHERE width = 60)",
        ["run_rollup differs from the log in 1 of its times"],
    ),
    "runs that no trigger saw": (
        "SET session_replication_role = replica; INSERT INTO agent_run_log (agent_id) VALUES ('other')",
        ["run_rollup differs", "agent_run_state counts other runs than the log for 1 agent"],
    ),
    "runs that are gone": (
        "ALTER TABLE agent_run_log DISABLE TRIGGER USER;"  # noqa: S608
        "DELETE FROM agent_run_log WHERE agent_id = 'agent-1';"
        f"ALTER TABLE agent_run_log ENABLE TRIGGER USER; {GUARD}",
        [
            "run_rollup differs",
            "agent_rollup differs",
            "agent_run_state counts",
            "agent_run_state has another",
        ],
    ),
    "a state": (
        "UPDATE agent_run_state SET silence_count = 40 WHERE agent_id = 'agent-1'",
        ["agent_run_state has another silence or success than the log for 1 agent"],
    ),
    "another success": (
        "UPDATE agent_run_state SET last_success_at = NULL",
        ["agent_run_state has another silence or success than the log for 3 agents"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_differs_from_the_log_is_said_and_mended(database: str, damage: str) -> None:
    run_sql(database, RUNS)
    assert asyncio.run(find_drift(database)) == []
    statements, said = DAMAGE[damage]
    run_sql(database, statements)
    found = asyncio.run(find_drift(database))
    assert len(found) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=True))
    assert all("`runlog schema rebuild-state`" in sentence for sentence in found)
    checked = called("schema", "check", DATABASE_URL=database)
    assert (checked.returncode, checked.stdout.splitlines()) == (1, found)
    asyncio.run(rebuild_state(database))
    assert asyncio.run(find_drift(database)) == []


def test_of_a_big_log_the_newest_runs_are_compared_and_the_sums(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "COMPARED_RUNS", 20)
    run_sql(database, RUNS)
    assert asyncio.run(find_drift(database)) == []
    run_sql(
        database,
        "UPDATE run_rollup SET runs = 2 * runs WHERE bucket < now() - interval '2 days' AND width = 60",
    )
    (found,) = asyncio.run(find_drift(database))
    assert found.startswith("agent_run_state counts 300 runs, and run_rollup ")
    run_sql(database, "UPDATE run_rollup SET runs = runs + 1 WHERE bucket > now() - interval '5 hours'")
    assert asyncio.run(find_drift(database))[0].startswith("run_rollup differs from the log in")


def test_a_log_without_a_time_is_no_difference(database: str) -> None:
    run_sql(
        database, "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('a', NULL), ('b', 'infinity')"
    )
    assert asyncio.run(find_drift(database)) == []


LEFT: Any = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def test_a_session_that_goes_on_keeps_no_lock_and_no_limit(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler, which gives the session to the next client."""
    from app.schema import session

    sessions = []
    leave = session._leave_session_as_it_was

    async def leave_and_look(connection: Any) -> None:
        await leave(connection)
        show = ("lock_timeout", "statement_timeout")
        sessions.append([(await connection.exec_driver_sql(f"SHOW {name}")).scalar() for name in show])
        sessions.append((await connection.exec_driver_sql(LEFT)).all())

    monkeypatch.setattr(session, "_leave_session_as_it_was", leave_and_look)
    asyncio.run(sync_schema(empty_database))
    run_sql(empty_database, "DROP INDEX idx_agent_run_log_status")
    asyncio.run(sync_schema(empty_database))
    assert sessions == [["0", "0"], []] * 2
    assert query(empty_database, LEFT) == []
