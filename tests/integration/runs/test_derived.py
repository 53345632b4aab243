"""Every change of the log, by any writer, leaves what is derived from it equal to what it says."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.engine import create_engine
from app.db.session import Database, transaction
from app.runs.rollup_merge import merge_rollups
from app.runs.run import Run
from app.runs.statements import store_runs
from app.schema import fill
from app.schema.sync import rebuild_state
from app.scoring.pipeline import score_runs
from app.scoring.ratings import rate_run
from app.tasks.rollup_tasks import merge_shards
from support.database import execute
from support.derived import STATE, check_derived, rollups
from support.log_changes import UNGUARD

AGENTS = ("sage", "nova", "Ägir", "", "auditor")
STATUSES = ("success", "success", "partial", "failed", "failed", "odd")
MOMENTS = (
    "NULL",
    "now()",
    "now() + interval '30 seconds'",
    "now() + interval '2 days'",
    "'infinity'",
    "now() - interval '1 second'",
    "now() - interval '90 seconds'",
    "now() - interval '5 hours'",
    "date_trunc('day', now(), 'UTC')",
    "date_trunc('day', now(), 'UTC') - interval '1 microsecond'",
    "date_trunc('day', now(), 'UTC') - interval '7 days'",
    "now() - interval '6 days 23 hours 59 minutes'",
    "now() - interval '7 days 20 seconds'",
    "now() - interval '7 days 40 minutes'",
    "now() - interval '13 days 23 hours 59 minutes'",
    "now() - interval '14 days 12 hours'",
    "'1999-12-31 23:59:59.999999Z'",
    "'4000-01-01 00:00 BC'",
)
SCORES = (
    "NULL",
    """'{"overall": 0.5}'""",
    """'{"overall": 0.123456789012345678901234567890123456789}'""",
    """'{"overall": 1}'""",
    """'{"overall": -1e-20}'""",
    """'{"overall": 12345678901234567890123456789012345}'""",
    """'{"overall": 1e70000}'""",
    """'{"overall": null, "error": "no"}'""",
    *(
        f"""'{{"overall": 0.5, "auto": 1, "scorer": "{scorer}", "version": {version}, "scored_at": "now"}}'"""
        for scorer, version in (("rubric", '"1"'), ("rubric", "1"), ("reward", '"2"'), ("judge", '"m"'))
    ),
    """'{"overall": "0.9"}'""",
    "'[0.9]'",
    "'null'",
)

agents = st.sampled_from(AGENTS)
statuses = st.sampled_from(STATUSES)
moments = st.sampled_from(MOMENTS)
scores = st.sampled_from(SCORES)
some = st.sampled_from([f"abs(hashtext(id::text)) % 3 = {n}" for n in range(3)] + ["true", "false"])


@st.composite
def inserts(draw: st.DrawFn) -> str:
    """Another writer's INSERT of a few runs."""
    run_ats = moments.filter(lambda moment: moment != "NULL")
    rows = [
        f"('{draw(agents)}', {draw(moments)}, {draw(run_ats)}, '{draw(statuses)}',"
        f" {draw(st.integers(0, 3))}, {draw(scores)}::jsonb)"
        for _ in range(draw(st.integers(1, 4)))
    ]
    columns = "agent_id, created_at, run_at, status, consecutive_silence_count, rlhf_scores"
    return f"INSERT INTO agent_run_log ({columns}) VALUES {', '.join(rows)}"  # noqa: S608


@st.composite
def updates(draw: st.DrawFn) -> str:
    """Another writer's UPDATE of some runs."""
    change = draw(
        st.one_of(
            moments.map("created_at = {}".format),
            scores.map("rlhf_scores = {}".format),
            statuses.map("status = '{}'".format),
            agents.map("agent_id = '{}'".format),
            st.just("run_at = run_at + interval '1 hour'"),
            st.just("consecutive_silence_count = consecutive_silence_count + 1"),
            st.just("id = gen_random_uuid()"),
            st.just("action_summary = 'corrected'"),
            st.just("created_at = created_at - interval '7 days', status = 'success', rlhf_scores = NULL"),
        )
    )
    return f"UPDATE agent_run_log SET {change} WHERE {draw(some)}"  # noqa: S608


deletes = some.map("DELETE FROM agent_run_log WHERE {}".format)
statements = st.one_of(
    inserts(),
    inserts(),
    updates(),
    deletes,
    st.just(
        "INSERT INTO agent_run_log (id, agent_id) SELECT id, agent_id FROM agent_run_log LIMIT 2"
        " ON CONFLICT (id) DO UPDATE SET status = 'failed', agent_id = 'nova'"
    ),
)
transactions = st.lists(
    st.one_of(
        statements,
        st.sampled_from(["SAVEPOINT a", "TRUNCATE agent_run_log CASCADE", "SET CONSTRAINTS ALL IMMEDIATE"]),
    ),
    min_size=1,
    max_size=5,
)
batches = st.lists(
    st.tuples(agents, statuses.filter(lambda status: status != "odd"), st.booleans()), max_size=6
)
steps = st.one_of(
    st.tuples(st.just("report"), batches),
    st.tuples(st.just("report"), batches),
    st.tuples(st.just("change"), statements),
    st.tuples(st.just("transaction"), transactions),
    st.tuples(st.just("merge"), st.none()),
)


class Log:
    """A log that everybody writes to, each on a connection of his own."""

    def __init__(self, product: asyncpg.Connection, other: asyncpg.Connection, database: Database) -> None:
        self.product = product
        self.other = other
        self.database = database

    async def report(self, batch: list[tuple[str, str, bool]]) -> None:
        """What the writer does."""
        runs = [Run(agent, status, "{}", None, silent) for agent, status, silent in batch]
        await store_runs(self.product, runs, retried=False)

    async def change(self, statement: str) -> None:
        """What the other writer does in one statement."""
        await self.other.execute(statement)

    async def transaction(self, statements: list[str]) -> None:
        """What the other writer does in a transaction that goes back to its last savepoint, if it has one."""
        async with self.other.transaction():
            for statement in statements:
                await self.other.execute(statement)
            if "SAVEPOINT a" in statements:
                await self.other.execute("ROLLBACK TO a")

    async def merge(self, _: None) -> None:
        """What beat starts now and then."""
        async with self.database.sessions.begin() as session:
            await merge_rollups(session)


async def _with_log(url: str, work: Callable[[Log], Awaitable[None]]) -> None:
    product, other = await asyncpg.connect(url), await asyncpg.connect(url)
    engine = create_engine(url, pool_size=1, timeout=60)
    try:
        await other.execute(UNGUARD)
        await other.execute("TRUNCATE agent_run_log CASCADE")
        await work(Log(product, other, Database(engine)))
    finally:
        await engine.dispose()
        await product.close()
        await other.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps, min_size=1, max_size=8))
def test_whatever_is_done_what_is_derived_follows(
    module_database: str, story: list[tuple[str, object]]
) -> None:
    async def live(log: Log) -> None:
        for name, argument in story:
            await getattr(log, name)(argument)
            await check_derived(log.product)
        sums, states = await rollups(log.product), await log.product.fetch(STATE)
        await rebuild_state(module_database)
        assert await rollups(log.product) == sums
        assert await log.product.fetch(STATE) == states

    asyncio.run(_with_log(module_database, live))


@pytest.mark.anyio
async def test_the_log_is_emptied_and_begun_again_in_a_transaction(
    database: str, db: asyncpg.Connection
) -> None:
    await db.execute(UNGUARD)
    insert = "INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('sage', '{\"overall\": 0.5}')"
    async with db.transaction():
        for statement in (insert, "TRUNCATE agent_run_log CASCADE", insert):
            await db.execute(statement)
    await check_derived(db)


@pytest.mark.anyio
async def test_runs_without_a_date_go_by_when_they_ran(database: str, db: asyncpg.Connection) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id, created_at) VALUES ('sage', NULL)")
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET run_at = run_at - interval '1 hour'")
    await check_derived(db)


async def _report(connection: asyncpg.Connection, chance: random.Random) -> None:
    names = [f"agent-{chance.randrange(8)}" for _ in range(chance.randrange(1, 12))]
    runs = [Run(name, chance.choice(("success", "failed")), "{}", None, False) for name in names]
    await store_runs(connection, runs, retried=False)


async def _meddle(connection: asyncpg.Connection, chance: random.Random) -> None:
    async with connection.transaction():
        for agent in chance.sample(range(8), 3):
            await connection.execute("INSERT INTO agent_run_log (agent_id) VALUES ($1)", f"agent-{agent}")
        await connection.execute(
            "DELETE FROM agent_run_log WHERE id IN"
            " (SELECT id FROM agent_run_log ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)"
        )


async def _score(connection: asyncpg.Connection, chance: random.Random) -> None:
    await connection.execute(
        "UPDATE agent_run_log SET rlhf_scores = jsonb_build_object('overall', $1::float8) WHERE id IN"
        " (SELECT id FROM agent_run_log ORDER BY random() LIMIT 20 FOR UPDATE SKIP LOCKED)",
        chance.random(),
    )


@pytest.mark.anyio
async def test_many_at_once_leave_it_right(database: str) -> None:
    engine = create_engine(database, pool_size=1, timeout=60)
    rounds = asyncio.Event()

    async def repeat(work: Callable[[asyncpg.Connection, random.Random], Awaitable[None]], seed: int) -> None:
        connection, chance = await asyncpg.connect(database), random.Random(seed)
        while not rounds.is_set():
            await work(connection, chance)
        await connection.close()

    async def upkeep() -> None:
        for _ in range(4):
            async with Database(engine).sessions.begin() as session:
                await merge_rollups(session)
            await rebuild_state(database)
            await asyncio.sleep(0.2)

    await execute(database, UNGUARD)
    work = (_report, _report, _meddle, _meddle, _score, _score)
    others = [asyncio.create_task(repeat(each, seed)) for seed, each in enumerate(work)]
    try:
        async with asyncio.timeout(120):
            await upkeep()
    finally:
        rounds.set()
        await asyncio.gather(*others)
        await engine.dispose()
    connection = await asyncpg.connect(database)
    await check_derived(connection)
    assert await connection.fetchval("SELECT count(*) FROM agent_run_log") > 100
    await connection.close()


@pytest.mark.anyio
async def test_scores_and_ratings_count_at_once(database: str, db: asyncpg.Connection) -> None:
    runs = [
        Run("sage", "success", '{"summary": "Fixed it", "tests_run": 3}', "Fixed it", False) for _ in range(3)
    ]
    await store_runs(db, runs, retried=False)
    async with transaction() as session:
        await score_runs(session, [run.id for run in runs])
    await check_derived(db)
    async with transaction() as session:
        await rate_run(session, runs[0].id, rater="ann", rating=0.25, comment=None)
    await check_derived(db)
    assert await db.fetchval("SELECT sum(scored) FROM agent_rollup") == 3
    assert await db.fetchval("SELECT sum(results) FROM score_rollup") == 3


@pytest.mark.anyio
async def test_an_open_transaction_of_other_holds_up_no_run(database: str, db: asyncpg.Connection) -> None:
    await db.execute(UNGUARD)
    writer = await asyncpg.connect(database)
    async with asyncio.timeout(30), db.transaction():
        await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage'), ('nova')")
        await db.execute("UPDATE agent_run_log SET status = 'failed'")
        runs = [Run(agent, "success", "{}", None, True) for agent in ("nova", "sage")]
        assert await store_runs(writer, runs, retried=False) == {}
        assert await writer.fetchval("SELECT count(*) FROM agent_run_log") == 2
    await check_derived(writer)
    await writer.close()


@pytest.mark.anyio
async def test_who_may_only_write_to_the_log_may_still(database: str, db: asyncpg.Connection) -> None:
    await db.execute(UNGUARD)
    role = await db.fetchval("SELECT current_database() || '_role'")
    await db.execute(f"CREATE ROLE {role}")
    try:
        await db.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON agent_run_log TO {role}")
        await db.execute("CREATE SCHEMA elsewhere")
        await db.execute(
            f"SET ROLE {role}; SET search_path = elsewhere; CREATE TEMPORARY TABLE run_rollup (n int)"
        )
        await db.execute("INSERT INTO public.agent_run_log (agent_id) VALUES ('sage'), ('nova')")
        await db.execute("UPDATE public.agent_run_log SET status = 'failed' WHERE agent_id = 'sage'")
        await db.execute("DELETE FROM public.agent_run_log WHERE agent_id = 'nova'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(
                "CREATE TRIGGER mine AFTER TRUNCATE ON run_rollup"
                " EXECUTE FUNCTION public.agent_run_log_truncated()"
            )
        await db.execute("DROP TABLE pg_temp.run_rollup; RESET ROLE; RESET search_path")
        await check_derived(db)
    finally:
        await db.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.anyio
async def test_an_interrupted_filling_is_finished(
    database: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores)
        SELECT 'agent-' || n % 3, now() - n * interval '7 minutes',
            '{"overall": 0.5, "auto": 0.5, "scorer": "rubric", "version": "1",
            "scored_at": "2026-11-22T10:00:00Z"}'
        FROM generate_series(0, 3000) AS n
    """)
    right = await rollups(db)
    await db.execute(
        "DELETE FROM run_rollup; UPDATE agent_rollup SET scored = 7; UPDATE score_rollup SET results = 7;"
        " INSERT INTO rollup_gap VALUES ('infinity')"
    )
    monkeypatch.setattr(fill, "CHUNK_RUNS", 100)
    engine = create_engine(database, pool_size=1, timeout=60)
    for _ in range(5):
        async with engine.begin() as connection:
            assert await fill.fill_chunk(connection)
    await engine.dispose()
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('late', now() - interval '1 day')"
    )
    await db.execute(UNGUARD)
    await db.execute("DELETE FROM agent_run_log WHERE agent_id = 'late'")
    assert await rollups(db) != right

    await rebuild_state(database)

    assert await rollups(db) == right
    assert await db.fetchval("SELECT count(*) FROM rollup_gap") == 0
    await check_derived(db)


@pytest.mark.anyio
async def test_shards_are_merged_and_old_details_dropped(database: str, db: asyncpg.Connection) -> None:
    for day in (0, 3, 20, 40):
        connection = await asyncpg.connect(database)
        await connection.execute(
            "INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores)"
            " VALUES ('sage', now() - $1 * interval '1 day', '{\"overall\": 1}')",
            day,
        )
        await connection.close()
    await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    await db.execute("INSERT INTO agent_rollup VALUES ('sage', now() - interval '37 days', 1, 1, 1, 1)")
    await asyncio.to_thread(merge_shards.run)
    own = await db.fetchval("SELECT pg_backend_pid()")
    shards = await db.fetch(
        "SELECT DISTINCT shard FROM run_rollup UNION SELECT shard FROM agent_rollup ORDER BY 1"
    )
    assert [row["shard"] for row in shards] == [0, own]
    assert await db.fetchval("SELECT min(bucket) > now() - interval '36 days' FROM agent_rollup")
    await check_derived(db)


@pytest.mark.anyio
@pytest.mark.parametrize("table", ["run_rollup", "agent_rollup", "score_rollup"])
async def test_a_moment_belongs_to_the_hour_that_begins_with_it(db: asyncpg.Connection, table: str) -> None:
    """Asked of itself: what is derived live and what is rebuilt share the statement that sorts into hours."""
    hour = await db.fetchval("SELECT date_trunc('hour', now() - interval '3 hours', 'UTC')")
    for before in (timedelta(0), timedelta(microseconds=1)):
        await db.execute(
            "INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores) VALUES ('sage', $1, $2)",
            hour - before,
            '{"overall": 0.5, "auto": 1, "scorer": "rubric", "version": "1", "scored_at": "now"}',
        )
    width = "WHERE width = 60" if table == "run_rollup" else ""
    found = await db.fetch(f"SELECT DISTINCT bucket FROM {table} {width} ORDER BY bucket")  # noqa: S608
    assert [row["bucket"] for row in found] == [hour - timedelta(hours=1), hour]
