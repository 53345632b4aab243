"""The log by months: turned over while runs come in, checked, repaired, and as append-only as before."""

import asyncio
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.errors import DatabaseError, SchemaError
from app.models import ADD_MONTHS, TRIGGERS
from app.models.partitions import PARTITIONED
from app.proof.verify_bounded import snapshot, verify_guards
from app.runs.run import new_run_id
from app.schema.partition import partition_log
from app.schema.sync import find_drift, rebuild_state, sync_schema
from app.services.agent_run_log_service import write_run_log
from app.tasks.rollup_tasks import merge_shards
from support.backups import AGREED, back_up, checked
from support.derived import check_derived
from support.older_postgres import made_by_older, run_by_older
from support.processes import called
from support.schema_databases import query, run_sql

pytestmark = pytest.mark.anyio

PARTITIONS = """
    SELECT relname, pg_get_expr(relpartbound, pg_class.oid) FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent IN (CAST('agent_run_log' AS regclass), CAST('agent_run_score' AS regclass)) ORDER BY 1
"""
MONTHS = "SELECT relname FROM pg_class WHERE relname ~ '^agent_run_log_\\d{4}_\\d\\d$' ORDER BY 1"
PLACE = "SELECT CAST(CAST(tableoid AS regclass) AS text) FROM agent_run_log WHERE id = $1"
INSERT = "INSERT INTO agent_run_log (id, agent_id) VALUES ($1, 'of-others')"
STRAY = "01a2ffff-0000-4000-8000-000000000000"  # of version 4, and January 2027 by its beginning
INSERT_STRAY = f"INSERT INTO agent_run_log (id, agent_id) VALUES ('{STRAY}', 'sage')"  # noqa: S608
WHOLE = "SELECT CAST(run AS text) FROM agent_run_log AS run ORDER BY id"


@pytest.fixture
async def by_months(database: str) -> str:
    """A database that was turned over, with a run of before."""
    await asyncio.to_thread(run_sql, database, "INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    await partition_log(database)
    return database


def of_month(year: int, month: int) -> UUID:
    """An id of the first day of a month, as this product makes them."""
    moment = int(time.mktime((year, month, 1, 12, 0, 0, 0, 0, 0))) * 1000
    return UUID(int=moment << 80 | new_run_id().int & (1 << 80) - 1)


async def attempt(url: str, statement: str) -> str | None:
    """What the database refuses of it; None where it does it."""
    try:
        await asyncio.to_thread(run_sql, url, statement)
    except asyncpg.PostgresError as error:
        return str(error)
    return None


class Writers:
    """Several that write to the log until they are ended, each by its own way; `kept` are all runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kept: set[UUID] = set()
        self.longest = 0.0  # seconds for a run that the product records
        self.ended = False

    async def report(self, agent: str) -> None:
        """As the product records runs, some of them silent."""
        while not self.ended:
            began = time.monotonic()
            output = {"summary": "did something"} if len(self.kept) % 3 else {}
            self.kept.add(await write_run_log(agent, output))
            self.longest = max(self.longest, time.monotonic() - began)

    async def execute(self, statement: str) -> None:
        """By plain SQL, which returns the id of a run."""
        own = await asyncpg.connect(self.url)
        while not self.ended:
            self.kept.add(await own.fetchval(statement))
            await asyncio.sleep(0.002)
        await own.close()

    async def until(self, count: int) -> None:
        """Until so many runs are kept."""
        while len(self.kept) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


INSERT_ONE = "INSERT INTO agent_run_log (agent_id) VALUES ('sql') RETURNING id"
SCORE_ONE = """
    UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.5}'
    WHERE id = (SELECT id FROM agent_run_log ORDER BY created_at LIMIT 1) RETURNING id
"""


async def test_nothing_is_lost_or_doubled_while_it_is_turned_over(
    database: str, db: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    writers = Writers(database)
    writers.kept.add(await db.fetchval(INSERT_ONE))
    async with asyncio.TaskGroup() as group:
        for writer in (writers.report("sage"), writers.report("nova")):
            group.create_task(writer)
        for statement in (INSERT_ONE, SCORE_ONE):
            group.create_task(writers.execute(statement))
        await writers.until(100)
        await partition_log(database)
        await writers.until(len(writers.kept) + 100)
        writers.ended = True
    stored = [row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")]
    assert sorted(stored) == sorted(writers.kept)
    await check_derived(db)
    noted = await db.fetch("SELECT unnest(run_ids) FROM seal_pending WHERE kind = 'run'")
    assert sorted(row[0] for row in noted) == sorted(writers.kept)
    assert await find_drift(database) == []
    with capsys.disabled():
        print(f"\n{len(stored)} runs around a turn-over; the longest took {writers.longest:.3f} s")


async def test_turned_over_it_is_no_drift_and_stays_so(by_months: str) -> None:
    partitions = query_later(by_months, PARTITIONS)
    before = await partitions
    assert [name for name, bound in before if bound == "DEFAULT"] == [
        "agent_run_log_default",
        "agent_run_score_default",
    ]
    assert await find_drift(by_months) == []
    assert await sync_schema(by_months) == []
    assert await partition_log(by_months) == []
    assert await query_later(by_months, PARTITIONS) == before
    await rebuild_state(by_months)
    assert await find_drift(by_months) == []


async def query_later(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query, beside the test's own loop."""
    return await asyncio.to_thread(query, url, sql)


async def test_each_id_has_its_place(by_months: str, db: asyncpg.Connection) -> None:
    (first_month, *_), ahead = [row["relname"] for row in await db.fetch(MONTHS)], "agent_run_log_ahead"
    year, month = map(int, first_month.split("_")[-2:])
    places = {
        new_run_id(): "agent_run_log_default",
        UUID(int=0): "agent_run_log_default",
        UUID(int=2**128 - 1): "agent_run_log_default",
        UUID("e" + str(uuid4())[1:]): "agent_run_log_default",
        of_month(year, month): first_month,
        of_month(2045, 6): ahead,
        of_month(2300, 1): "agent_run_log_default",
    }
    for run_id, place in places.items():
        await db.execute(INSERT, run_id)
        assert await db.fetchval(PLACE, run_id) == place
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, run_at, created_at) VALUES
            ('late', '50000-01-01', '50000-01-01'), ('early', '0044-03-15 BC', '0044-03-15 BC'),
            ('never', 'infinity', '-infinity')
    """)
    await check_derived(db)
    assert await find_drift(by_months) == []


async def test_each_partition_is_as_append_only_as_the_log(by_months: str, db: asyncpg.Connection) -> None:
    for name in [row["relname"] for row in await db.fetch(MONTHS)]:
        year, month = map(int, name.split("_")[-2:])
        await db.execute(INSERT, of_month(year, month))
    await db.execute(INSERT, of_month(2045, 6))
    before = await db.fetch(WHOLE)
    names = [row[0] for row in await db.fetch(PARTITIONS) if row[0].startswith("agent_run_log")]
    changes = (
        "DELETE FROM {}",
        "TRUNCATE {}",
        "UPDATE {} SET agent_id = 'oracle'",
        "UPDATE {} SET created_at = created_at - interval '1 second'",
        "UPDATE {} SET actions_taken = '{{}}', action_summary = 'Done'",
    )
    for name in ["agent_run_log", *names]:
        for change in changes:
            for session in ("", "SET session_replication_role = replica;"):
                refused = await attempt(by_months, session + change.format(name))
                assert refused is not None, (name, change)
                assert "is append-only" in refused, (name, change, refused)
    for name in names:  # where it would belong is another partition
        assert await attempt(by_months, f"UPDATE {name} SET id = gen_random_uuid()") is not None  # noqa: S608
    assert await db.fetch(WHOLE) == before
    await check_derived(db)


async def test_what_is_written_to_a_partition_by_its_name_counts(
    by_months: str, db: asyncpg.Connection
) -> None:
    for name, key in {"ahead": of_month(2045, 6), "default": new_run_id()}.items():
        await db.execute(
            f"INSERT INTO agent_run_log_{name} (id, agent_id, status) VALUES ($1, 'sage', 'failed')",  # noqa: S608
            key,
        )
        await db.execute(f"UPDATE agent_run_log_{name} SET rlhf_scores = '{{\"overall\": 0.25}}'")  # noqa: S608
    await check_derived(db)
    assert await find_drift(by_months) == []
    noted = "SELECT count(*) FROM seal_pending WHERE kind = "
    assert await db.fetchval(noted + "'run'") == 3
    assert await db.fetchval(noted + "'scores'") == 2


DAMAGE = {
    "a month's refusal is off": (
        "ALTER TABLE agent_run_log_ahead DISABLE TRIGGER agent_run_log_append_only_deleted",
        "trigger agent_run_log_append_only_deleted is disabled on agent_run_log_ahead",
    ),
    "a refusal that a replica would not fire": (
        "ALTER TABLE agent_run_log_default ENABLE TRIGGER agent_run_log_append_only_updated",
        "trigger agent_run_log_append_only_updated is disabled in a replication role on",
    ),
    "a month that notes nothing": (
        "DROP TRIGGER agent_run_log_seal_recorded ON agent_run_log_ahead",
        "trigger agent_run_log_seal_recorded is missing on agent_run_log_ahead",
    ),
    "a truncation that passes": (
        "ALTER TABLE agent_run_log_default DISABLE TRIGGER agent_run_log_append_only_truncated",
        "trigger agent_run_log_append_only_truncated is disabled on agent_run_log_default",
    ),
    "no trigger of the log": (
        "DROP TRIGGER agent_run_log_append_only_updated ON agent_run_log",
        "trigger agent_run_log_append_only_updated is missing",
    ),
    "an index": (
        "DROP INDEX idx_agent_run_log_agent_created",
        "index idx_agent_run_log_agent_created is missing",
    ),
    "another index": (
        "DROP INDEX idx_agent_run_log_status;CREATE INDEX idx_agent_run_log_status ON agent_run_log (run_at)",
        "index idx_agent_run_log_status is (run_at) instead of (status)",
    ),
    "an index on no partition": (
        "DROP INDEX idx_agent_run_score_version;"
        "CREATE INDEX idx_agent_run_score_version ON ONLY agent_run_score (scorer, version)",
        "index idx_agent_run_score_version is invalid",
    ),
    "the function that makes months": (
        "DROP FUNCTION agent_run_log_add_months()",
        "function agent_run_log_add_months is missing",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
async def test_what_a_partition_lacks_is_named_and_repaired(
    by_months: str, db: asyncpg.Connection, case: str
) -> None:
    damage, said = DAMAGE[case]
    await db.execute(damage)
    assert (await find_drift(by_months))[0].startswith(said)
    assert await sync_schema(by_months) != []
    assert await find_drift(by_months) == []
    assert await sync_schema(by_months) == []
    assert "is append-only" in str(await attempt(by_months, "DELETE FROM agent_run_log_default"))


async def test_a_partition_that_is_gone_is_named(by_months: str, db: asyncpg.Connection) -> None:
    second = [row["relname"] for row in await db.fetch(MONTHS)][1]
    await db.execute(f"ALTER TABLE agent_run_log DETACH PARTITION {second}")
    (gap,) = await find_drift(by_months)
    assert gap.startswith("agent_run_log has no partition for the ids from 01")
    await db.execute("ALTER TABLE agent_run_log DETACH PARTITION agent_run_log_default")
    assert "agent_run_log has no default partition" in (await find_drift(by_months))[0]
    with pytest.raises(SchemaError, match="has no default partition"):
        await sync_schema(by_months)


async def test_the_verification_in_the_background_finds_a_trigger_that_is_off(
    by_months: str, db: asyncpg.Connection
) -> None:
    async with snapshot(by_months) as log:
        assert await verify_guards(log) == []
    await db.execute("ALTER TABLE agent_run_log_ahead DISABLE TRIGGER USER")
    async with snapshot(by_months) as log:
        problems = await verify_guards(log)
    of_log = [trigger for trigger in TRIGGERS if trigger.table == "agent_run_log"]
    assert 0 < len(problems) <= len(of_log)
    assert all(problem.message.endswith(" on agent_run_log_ahead") for problem in problems)


UNMADE = """
    DO $$ DECLARE log text; month text; first text; BEGIN
        FOREACH log IN ARRAY ARRAY['agent_run_log', 'agent_run_score'] LOOP
            first := (SELECT min(substring(pg_get_expr(relpartbound, oid) FROM $re$FROM \\('(.*?)'$re$))
                FROM pg_class WHERE relname ~ (log || '_\\d{4}_\\d\\d$'));
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', log, log || '_ahead');
            FOR month IN SELECT relname FROM pg_class WHERE relname ~ (log || '_\\d{4}_\\d\\d$') LOOP
                EXECUTE format('DROP TABLE %I', month);
            END LOOP;
            EXECUTE format(
                $q$ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO ('024bce5c-f000-0000-0000-000000000000')$q$,
                log, log || '_ahead', first);
        END LOOP;
    END $$
"""  # noqa: E501
"""As it is when months have gone by in which none was made."""


async def test_a_month_takes_the_runs_that_came_before_it_was_made(
    by_months: str, db: asyncpg.Connection
) -> None:
    months = [row["relname"] for row in await db.fetch(MONTHS)]
    layout = await db.fetch(PARTITIONS)
    await db.execute(UNMADE)
    ids = [of_month(*map(int, month.split("_")[-2:])) for month in months]
    for run_id in (*ids, of_month(2045, 6)):
        await db.execute(INSERT, run_id)
        await db.execute(
            "INSERT INTO agent_run_score (run_id, scorer, version, auto) VALUES ($1, 'judge', '1', 0.5)",
            run_id,
        )
    runs, pending = await db.fetch(WHOLE), await db.fetchval("SELECT count(*) FROM seal_pending")

    await asyncio.to_thread(merge_shards.run)

    assert [row["relname"] for row in await db.fetch(MONTHS)] == months
    assert await db.fetch(PARTITIONS) == layout
    for month, run_id in zip(months, ids, strict=True):
        assert await db.fetchval(PLACE, run_id) == month
        of_score = "SELECT CAST(CAST(tableoid AS regclass) AS text) FROM agent_run_score WHERE run_id = $1"
        assert await db.fetchval(of_score, run_id) == month.replace("log", "score")
    assert await db.fetch(WHOLE) == runs
    assert await db.fetchval("SELECT count(*) FROM seal_pending") == pending
    await check_derived(db)
    assert await find_drift(by_months) == []
    assert await db.fetchval(f"SELECT {ADD_MONTHS.name}()") == 0


async def test_a_month_that_is_due_is_named_and_made(by_months: str, db: asyncpg.Connection) -> None:
    layout = await db.fetch(PARTITIONS)
    await db.execute(UNMADE)
    # By the calendar, the turn-over itself may have left the next month to the default partition.
    due = await db.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')")
    drift = await find_drift(by_months)
    if f"agent_run_log_{due}" in [row["relname"] for row in layout]:
        assert drift == [f"{log} has no partition of its own for the next month" for log in PARTITIONED]
        assert await sync_schema(by_months) == [f"made months of {log}" for log in PARTITIONED]
    else:
        assert drift == []
        await db.execute(f"SELECT {ADD_MONTHS.name}()")
    assert await db.fetch(PARTITIONS) == layout


async def test_rows_of_others_that_are_of_a_month_to_come_move(database: str, db: asyncpg.Connection) -> None:
    await db.execute(INSERT, STRAY)
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 100)")
    runs, pending = await db.fetch(WHOLE), await db.fetchval("SELECT count(*) FROM seal_pending")
    await partition_log(database)
    assert await db.fetchval(PLACE, STRAY) not in ("agent_run_log_default", "agent_run_log_ahead")
    assert await db.fetch(WHOLE) == runs
    assert await db.fetchval("SELECT count(*) FROM seal_pending") == pending
    await check_derived(db)
    assert await find_drift(database) == []


OBSTACLES = {
    "view v": "CREATE VIEW v AS SELECT agent_id FROM agent_run_log",
    "trigger own": "CREATE TRIGGER own BEFORE INSERT ON agent_run_log FOR EACH STATEMENT"
    " EXECUTE FUNCTION agent_run_log_truncated()",
    "publication p": "CREATE PUBLICATION p FOR TABLE agent_run_log",
    "foreign key other_run_id_fkey of other": "CREATE TABLE other (run_id uuid REFERENCES agent_run_log)",
    "policy seen": "CREATE POLICY seen ON agent_run_log USING (true)",
    "table child": "CREATE TABLE child () INHERITS (agent_run_log)",
}


@pytest.mark.parametrize("named", OBSTACLES)
async def test_what_would_go_on_with_the_old_table_is_named(
    database: str, db: asyncpg.Connection, named: str
) -> None:
    await db.execute(OBSTACLES[named])
    with pytest.raises(SchemaError, match=f"with the old table alone: {named} on agent_run_log; drop them"):
        await partition_log(database)
    assert await db.fetchval("SELECT relkind = 'r' FROM pg_class WHERE relname = 'agent_run_log'")


async def test_a_schema_that_differs_is_repaired_first(database: str, db: asyncpg.Connection) -> None:
    await db.execute("DROP INDEX idx_agent_run_log_status")
    with pytest.raises(SchemaError, match="idx_agent_run_log_status is missing: run `runlog schema sync`"):
        await partition_log(database)


async def test_interrupted_it_is_repaired_and_called_again(database: str, db: asyncpg.Connection) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    with (
        patch("app.schema.partition._swap", side_effect=OSError("the cable")),
        pytest.raises(DatabaseError, match="the cable"),
    ):
        await partition_log(database)
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'nova' FROM generate_series(1, 100)")
    drift = await find_drift(database)
    assert drift[0].startswith("agent_run_log.id has default")
    assert all("FOREIGN KEY" in each or "_fkey" in each for each in drift[1:])
    await sync_schema(database)
    assert await find_drift(database) == []
    await partition_log(database)
    assert await find_drift(database) == []
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 101


async def test_a_lock_that_is_in_use_is_waited_for_in_short(database: str, db: asyncpg.Connection) -> None:
    """A transaction that reads the log for long does not keep writers waiting behind the turn-over."""
    reader = await asyncpg.connect(database)
    async with reader.transaction():
        await reader.execute("SELECT count(*) FROM agent_run_log")
        turning = asyncio.create_task(partition_log(database))
        for _ in range(20):
            await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage')", timeout=30)
        assert not turning.done()
    await turning
    await reader.close()
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 20
    await check_derived(db)


def test_the_command_says_what_it_did(database: str) -> None:
    done = called("schema", "partition", DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{log}: by months, with what there was in {log}_default" for log in PARTITIONED
    ]
    assert (
        called("schema", "partition", DATABASE_URL=database).stdout == "nothing to do: the log is by months\n"
    )


def test_it_is_backed_up_and_restored_by_months(database: str, empty_database: str, tmp_path: Path) -> None:
    asyncio.run(partition_log(database))
    run_sql(database, INSERT_STRAY)
    run_sql(database, "INSERT INTO agent_run_log (agent_id) SELECT 'nova' FROM generate_series(1, 50)")
    path = back_up(database, tmp_path)
    for replace in ((), ("--replace",)):
        restored = called("restore", path, *replace, DATABASE_URL=empty_database)
        assert restored.returncode == 0, restored.stderr
        assert restored.stdout.endswith(AGREED)
        assert query(empty_database, PARTITIONS) == query(database, PARTITIONS)
        assert query(empty_database, WHOLE) == query(database, WHOLE)
        assert checked(empty_database) == 51
    run_sql(empty_database, "INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    assert "is append-only" in str(asyncio.run(attempt(empty_database, "DELETE FROM agent_run_log_default")))
    assert asyncio.run(find_drift(empty_database)) == []


def test_the_oldest_server_that_is_supported_does_it_too(tmp_path: Path) -> None:
    server = made_by_older(tmp_path / "older")
    with run_by_older(server):
        asyncio.run(sync_schema(server.url))
        run_sql(server.url, "INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
        asyncio.run(partition_log(server.url))
        run_sql(server.url, INSERT_STRAY)
        assert asyncio.run(find_drift(server.url)) == []
        for name, *_ in query(server.url, PARTITIONS):
            if name.startswith("agent_run_log"):
                for change in (f"TRUNCATE {name}", f"UPDATE {name} SET agent_id = 'oracle'"):  # noqa: S608
                    refused = asyncio.run(attempt(server.url, change))
                    assert refused is None or "is append-only" in refused
        assert query(server.url, "SELECT count(*) FROM agent_run_log WHERE agent_id = 'sage'") == [(2,)]
        assert checked(server.url) == 2
