"""The synchronisation at work: twice at once, beside writers, interrupted, refused."""

import asyncio
import time
from collections.abc import Iterator
from types import ModuleType
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.errors import ConfigError, DatabaseError, RunLogError, SchemaError
from app.models import SEALING_FUNCTIONS, SEALING_TRIGGERS, Base
from app.schema import session
from app.schema.sync import find_drift, sync_schema
from support.schema_databases import (
    SCRIPT,
    SPECIFIED_INDEXES,
    SPECIFIED_TABLE,
    fill_log,
    query,
    run_script,
    run_sql,
    start_script,
)
from support.scripts import load_script

INSERT = "INSERT INTO agent_run_log (agent_id, status) VALUES ('writer', 'success')"
MISSING_INDEXES = (
    "DROP INDEX idx_agent_run_log_status, idx_agent_run_log_agent_created, idx_agent_run_log_created_at"
)


def test_syncing_again_does_nothing(empty_database: str) -> None:
    sealing = len(SEALING_FUNCTIONS) + len(SEALING_TRIGGERS)
    assert len(asyncio.run(sync_schema(empty_database))) == len(Base.metadata.tables) + sealing
    assert asyncio.run(sync_schema(empty_database)) == []


def test_the_script_says_what_it_did(empty_database: str) -> None:
    missing = run_script(empty_database, "--check")
    first = run_script(empty_database)
    second = run_script(empty_database)
    clean = run_script(empty_database, "--check")

    assert missing.returncode == 1
    assert "table agent_run_log is missing" in missing.stdout.splitlines()
    assert (first.returncode, first.stderr) == (0, "")
    assert "created table agent_run_log" in first.stdout.splitlines()
    assert (second.returncode, second.stdout) == (0, "nothing to do: the schema is up to date\n")
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")


def test_two_at_once_make_a_schema_once(empty_database: str) -> None:
    async def sync_twice() -> list[list[str]]:
        return await asyncio.gather(*(sync_schema(empty_database) for _ in range(2)))

    first, second = sorted(asyncio.run(sync_twice()))
    assert first == []
    assert "created table agent_run_state" in second


def test_two_at_once_repair_a_schema_once(empty_database: str) -> None:
    run_sql(empty_database, SPECIFIED_TABLE + fill_log(20_000))
    processes = [start_script(empty_database) for _ in range(2)]
    outcomes = [(*process.communicate(timeout=120), process.returncode) for process in processes]

    assert [(stderr, status) for _, stderr, status in outcomes] == [("", 0), ("", 0)]
    outputs = [stdout for stdout, _, _ in outcomes]
    assert "nothing to do: the schema is up to date\n" in outputs
    assert any("created table agent_run_state" in output for output in outputs)
    assert asyncio.run(find_drift(empty_database)) == []


async def _insert_until(url: str, stop: asyncio.Event) -> list[float]:
    """Insert without a pause, refusing to wait two seconds for a lock; how long each insert took."""
    connection = await asyncpg.connect(url, server_settings={"lock_timeout": "2s"})
    took = []
    try:
        while not stop.is_set():
            started = time.perf_counter()
            await connection.execute(INSERT)
            took.append(time.perf_counter() - started)
    finally:
        await connection.close()
    return took


@pytest.mark.anyio
async def test_writers_go_on_while_an_old_table_is_repaired(empty_database: str) -> None:
    setup = await asyncpg.connect(empty_database)
    await setup.execute(SPECIFIED_TABLE + SPECIFIED_INDEXES + fill_log(60_000) + ";" + MISSING_INDEXES)
    stop = asyncio.Event()
    writers = [asyncio.create_task(_insert_until(empty_database, stop)) for _ in range(2)]
    try:
        done = await sync_schema(empty_database)
    finally:
        stop.set()
        times = await asyncio.gather(*writers)

    assert {action for action in done if action.startswith("built")} == {
        "built index idx_agent_run_log_agent_created",
        "built index idx_agent_run_log_created_at",
        "built index idx_agent_run_log_status",
        "built index idx_agent_run_log_unscored",
    }
    assert all(len(took) > 20 for took in times)
    assert await setup.fetchval("SELECT count(*) FROM agent_run_log") == 60_000 + sum(map(len, times))
    assert await find_drift(empty_database) == []
    await setup.close()


@pytest.mark.anyio
async def test_an_interrupted_build_is_finished(database: str) -> None:
    writer = await asyncpg.connect(database)
    builder = await asyncpg.connect(database, server_settings={"lock_timeout": "100ms"})
    await writer.execute("DROP INDEX idx_agent_run_log_status")
    unfinished = writer.transaction()
    await unfinished.start()
    await writer.execute(INSERT)
    with pytest.raises(asyncpg.LockNotAvailableError):
        await builder.execute("CREATE INDEX CONCURRENTLY idx_agent_run_log_status ON agent_run_log (status)")
    await unfinished.rollback()
    await writer.close()
    await builder.close()

    assert await find_drift(database) == [
        "index idx_agent_run_log_status is invalid: its build was interrupted or is still running"
    ]
    assert await sync_schema(database) == ["rebuilt index idx_agent_run_log_status"]
    assert await find_drift(database) == []


@pytest.mark.anyio
async def test_a_lock_that_is_soon_released_is_waited_for(database: str) -> None:
    reader = await asyncpg.connect(database)
    await reader.execute("ALTER TABLE agent_run_log ALTER status DROP DEFAULT")
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("SELECT count(*) FROM agent_run_log")
    sync = asyncio.create_task(sync_schema(database))
    await asyncio.sleep(1.5)
    assert not sync.done()
    await transaction.rollback()
    assert await sync == ["set the default of agent_run_log.status to 'success'::character varying"]
    await reader.close()


@pytest.mark.anyio
async def test_a_lock_that_is_never_released_is_a_plain_refusal(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_DDL_ATTEMPTS", 2)
    reader = await asyncpg.connect(database)
    await reader.execute("ALTER TABLE agent_run_log ALTER status DROP DEFAULT")
    async with reader.transaction():
        await reader.execute("SELECT count(*) FROM agent_run_log")
        with pytest.raises(SchemaError, match=r"status has default none .* due to lock timeout$"):
            await sync_schema(database)
    await reader.close()


@pytest.mark.anyio
async def test_a_waiting_repair_lets_writers_through(database: str) -> None:
    reader = await asyncpg.connect(database)
    await reader.execute("ALTER TABLE agent_run_log ALTER status DROP DEFAULT")
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("SELECT count(*) FROM agent_run_log")
    sync = asyncio.create_task(sync_schema(database))
    stop = asyncio.Event()
    writer = asyncio.create_task(_insert_until(database, stop))
    await asyncio.sleep(3)
    await transaction.rollback()
    await sync
    stop.set()
    assert max(await writer) < 2
    await reader.close()


def test_duplicates_that_forbid_an_index_are_named(database: str) -> None:
    run_sql(
        database,
        """
        DROP INDEX idx_audit_finding_open;
        INSERT INTO audit_finding (rule, agent_id, message)
        SELECT 'stopped', 'sage', 'no run' FROM generate_series(1, 2)
        """,
    )
    with pytest.raises(SchemaError, match=r"idx_audit_finding_open is missing.*\(stopped, sage\)") as refusal:
        asyncio.run(sync_schema(database))
    assert "\n" not in str(refusal.value)


@pytest.fixture
def powerless_url(empty_database: str) -> Iterator[str]:
    """The URL of a database for a role that may connect and no more."""
    role = urlsplit(empty_database).path.strip("/") + "_role"
    run_sql(empty_database, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    parts = urlsplit(empty_database)
    yield parts._replace(netloc=f"{role}:secret@{parts.hostname}:{parts.port}").geturl()
    run_sql(empty_database, f"DROP ROLE {role}")


def test_a_missing_privilege_is_one_sentence(powerless_url: str) -> None:
    refused = run_script(powerless_url)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "permission denied for schema public" in refused.stderr
    assert "secret" not in refused.stderr


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["sync", "check"])
def test_a_database_that_is_away_is_one_sentence(arguments: list[str]) -> None:
    refused = run_script("postgresql://127.0.0.1:1/runlog", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    assert "cannot be reached" in refused.stderr


def test_without_a_url_nothing_is_guessed() -> None:
    refused = run_script(None)
    assert refused.returncode == 1
    assert "DATABASE_URL is not set" in refused.stderr


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql:///runlog?host=/nowhere", DatabaseError),
        ("postgresql://127.0.0.1:1,127.0.0.1:2/runlog", DatabaseError),
        ("postgresql://host:port/runlog", ConfigError),
        ("mysql://127.0.0.1/runlog", ConfigError),
    ],
)
async def test_an_unusable_url_is_an_error_of_ours(url: str, error: type[RunLogError]) -> None:
    with pytest.raises(error):
        await find_drift(url)
    with pytest.raises(error):
        await sync_schema(url)


@pytest.mark.parametrize("arguments", [["--bogus"], ["--check", "--print-sql"]])
def test_wrong_usage_is_exit_status_2(arguments: list[str]) -> None:
    assert run_script(None, *arguments).returncode == 2


def with_search_path(url: str, schemas: str) -> str:
    """The URL of a database as one whose connections look for tables in these schemas."""
    return f"{url}{'&' if '?' in url else '?'}search_path={schemas}"


def test_the_search_path_says_which_schema(empty_database: str) -> None:
    run_sql(empty_database, SPECIFIED_TABLE + "CREATE SCHEMA audit")
    inside = with_search_path(empty_database, "audit")
    asyncio.run(sync_schema(inside))
    assert asyncio.run(find_drift(inside)) == []
    assert query(
        empty_database, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'agent%'"
    ) == [
        ("audit",),
        ("public",),
    ]
    assert query(empty_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_a_table_further_along_the_search_path_is_used(empty_database: str) -> None:
    run_sql(empty_database, SPECIFIED_TABLE + "CREATE SCHEMA other")
    both = with_search_path(empty_database, "other,public")
    asyncio.run(sync_schema(both))
    assert asyncio.run(find_drift(both)) == []
    tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'agent_run_log'"
    assert query(empty_database, tables) == [(1,)]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    return load_script(SCRIPT)


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_each_table_has_its_function(script: ModuleType, empty_database: str, table: str) -> None:
    done = getattr(script, f"sync_{table}_table")(empty_database)
    assert f"created table {table}" in done
    assert getattr(script, f"sync_{table}_table")(empty_database) == []


def test_one_table_can_be_synced_alone(
    script: ModuleType, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert script.sync_agent_run_log_table() == ["created table agent_run_log"]
    assert query(empty_database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("agent_run_log",)
    ]
