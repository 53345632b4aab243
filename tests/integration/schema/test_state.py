"""`agent_run_state` is derived: rebuilt, it says what the log says."""

import asyncio
from datetime import UTC, datetime
from itertools import count

import asyncpg
import pytest
from typer.testing import CliRunner

from app.cli.commands import schema
from app.runs.run import Run
from app.runs.statements import store_runs
from app.schema import rebuild
from app.schema.sync import rebuild_state, sync_schema
from support.schema_databases import SPECIFIED_INDEXES, SPECIFIED_TABLE, fill_log, query, run_sql

STATE = "SELECT agent_id, runs, silence_count, last_created_at FROM agent_run_state ORDER BY 1"

# The same, said another way than the product says it.
DERIVED = """
    SELECT DISTINCT ON (agent_id) agent_id, count(*) OVER (PARTITION BY agent_id),
           consecutive_silence_count, created_at
    FROM agent_run_log
    ORDER BY agent_id, created_at DESC
"""


@pytest.mark.parametrize("indexes", [SPECIFIED_INDEXES, ""], ids=["indexed", "bare"])
def test_a_new_state_is_filled_from_an_old_log(empty_database: str, indexes: str) -> None:
    run_sql(empty_database, SPECIFIED_TABLE + indexes + fill_log(5_000))
    asyncio.run(sync_schema(empty_database))
    assert query(empty_database, STATE) == query(empty_database, DERIVED)
    assert len(query(empty_database, STATE)) == 20


def test_rebuilding_replaces_whatever_the_state_says(database: str) -> None:
    run_sql(database, fill_log(5_000))
    run_sql(
        database,
        """
        DELETE FROM agent_run_state WHERE agent_id IN ('agent-3', 'agent-4');
        INSERT INTO agent_run_state (agent_id, runs, silence_count, silence_count_before, last_created_at)
        VALUES ('agent-3', 7, 7, 7, now()), ('unknown', 1, 1, 1, now());
        """,
    )
    result = CliRunner().invoke(schema.app, ["rebuild-state"])
    assert (result.exit_code, result.stdout) == (0, "rebuilt the state of 21 agents\n")
    assert query(database, STATE) == query(database, DERIVED)
    assert query(database, "SELECT DISTINCT silence_count_before FROM agent_run_state") == [(0,)]


def test_rebuilding_twice_changes_nothing(database: str) -> None:
    run_sql(database, fill_log(100))
    asyncio.run(rebuild_state(database))
    state = query(database, STATE)
    asyncio.run(rebuild_state(database))
    assert query(database, STATE) == state


def test_a_run_without_a_date_is_counted_but_never_the_newest(database: str) -> None:
    run_sql(
        database,
        """
        INSERT INTO agent_run_log (agent_id, run_at, created_at, consecutive_silence_count) VALUES
            ('dated', '2026-01-03Z', NULL, 9), ('dated', '2026-01-02Z', '2026-01-02Z', 3),
            ('undated', '2026-01-04Z', NULL, 0), ('undated', '2026-01-05Z', NULL, 0)
        """,
    )
    asyncio.run(rebuild_state(database))
    assert query(database, STATE) == [
        ("dated", 2, 3, datetime(2026, 1, 2, tzinfo=UTC)),
        ("undated", 2, 0, datetime(2026, 1, 5, tzinfo=UTC)),
    ]


def test_agents_are_taken_in_the_order_in_which_ingest_takes_them(database: str) -> None:
    run_sql(database, "INSERT INTO agent_run_log (agent_id) VALUES ('b'), ('A'), ('é'), ('a'), ('Z'), ('_')")
    listed = [row[0] for row in query(database, str(rebuild._AGENTS))]
    assert listed == sorted(listed) == ["A", "Z", "_", "a", "b", "é"]


@pytest.mark.anyio
@pytest.mark.parametrize("agents_a_chunk", [1, 500])
async def test_runs_may_come_in_while_the_state_is_rebuilt(
    database: str, monkeypatch: pytest.MonkeyPatch, agents_a_chunk: int
) -> None:
    monkeypatch.setattr(rebuild, "_CHUNK_AGENTS", agents_a_chunk)
    agents = [f"agent-{number}" for number in range(8)]
    stop = asyncio.Event()

    async def ingest() -> int:
        connection = await asyncpg.connect(database)
        for number in count():
            if stop.is_set():
                break
            silent = number % 3 > 0
            await store_runs(
                connection, [Run(agent, "success", "{}", None, silent) for agent in agents], retried=False
            )
        await connection.close()
        return number * len(agents)

    writers = [asyncio.create_task(ingest()) for _ in range(3)]
    try:
        for _ in range(10):
            await rebuild_state(database)
    finally:
        stop.set()
        stored = sum(await asyncio.gather(*writers))

    connection = await asyncpg.connect(database)
    state, derived = await connection.fetch(STATE), await connection.fetch(DERIVED)
    await connection.close()
    assert [tuple(row) for row in state] == [tuple(row) for row in derived]
    assert sum(row["runs"] for row in state) == stored > 0
