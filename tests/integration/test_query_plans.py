"""Hot queries use the index made for them and read few rows, however long the log is."""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Select, TextClause, TextualSelect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts.proofs import ABOUT
from app.audit.cadence import Outages
from app.audit.domain.history import AgentHistory
from app.audit.domain.liveness import StoppedReporting
from app.audit.histories import deepened
from app.audit.known_outages import KnownOutages
from app.audit.known_starts import known_starts
from app.audit.outages import silences
from app.config import get_settings
from app.dashboard.cards import event_cards
from app.dashboard.day import NEWEST_FAILURES
from app.db.session import transaction
from app.models import AgentRunLog, ScoreBackfill
from app.models.agent_run_log import UNSCORED
from app.quality.export import NEXT_OF_AGENT
from app.quality.rated_runs import RATED
from app.quality.review_queue import CANDIDATES, runs_to_review
from app.runs import browsing
from app.runs.queries import newest_of_each_agent, newest_runs
from app.runs.starts import settle_starts
from app.runs.window_sums import agent_scores_since, scores_between, successes_since
from app.scoring.backfills import next_runs
from app.scoring.pipeline import read_batch
from app.scoring.status import error_reasons, results_by_version, scoring_counts
from app.services.agent_run_log_service import recent_runs
from conftest import Execute, Servers, new_database
from support.log_changes import UNGUARD
from support.schema_databases import run_sql

NO_OUTAGES = KnownOutages(Outages(), Outages(), {})
pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


LONG_LOG = """
    INSERT INTO agent_run_log (agent_id, created_at, status, actions_taken)
    SELECT 'agent-' || CASE WHEN n > 15000 THEN 0 ELSE 1 + n % 4 END, now() - n * interval '1 minute',
           (ARRAY['success', 'partial', 'failed'])[1 + n % 3], jsonb_build_object('n', n)
    FROM generate_series(1, 20000) AS n;
    ANALYZE agent_run_log
"""
RATINGS = """
    INSERT INTO agent_run_score (run_id, scorer, version, auto)
    SELECT id, scorer, '1', 0.5 FROM agent_run_log, unnest(ARRAY['rubric', 'judge']) AS scorer;
    INSERT INTO agent_run_feedback (run_id, rater, rating, updated_at)
    SELECT id, rater, 0.5, created_at
    FROM agent_run_log, unnest(ARRAY['ada', 'bob']) AS rater WHERE (actions_taken ->> 'n')::int % 4 = 0;
    ANALYZE
"""
BUSY_LOG = """
    INSERT INTO agent_run_log (agent_id, created_at, status, rlhf_scores)
    SELECT 'agent-' || n % 3, now() - n * interval '30 seconds', 'success', '{"overall": 0.5}'
    FROM generate_series(0, 60000) AS n;
    ANALYZE
"""
IMPORTED_LOG = """
    INSERT INTO agent_run_log (agent_id, created_at, status, actions_taken, rlhf_scores)
    SELECT 'agent-' || to_char(agent, 'FM000'), now() - (301 - n) * interval '1 hour', 'success',
        jsonb_build_object('summary', repeat('Synchronised the invoices. ', 8)), '{"overall": 0.5}'
    FROM generate_series(1, 100) AS agent, generate_series(1, 300) AS n
    ORDER BY agent, n;
    ANALYZE agent_run_log
"""
LOGS = {
    "long_log": LONG_LOG,
    "rated_log": f"{LONG_LOG}; {RATINGS}",
    "busy_log": BUSY_LOG,
    "imported_log": IMPORTED_LOG,
}


@pytest.fixture(scope="module")
def filled(servers: Servers, execute_on_server: Execute) -> Iterator[Callable[[str], str]]:
    """Fills a database by one of `LOGS`, the first time that it is asked for; its name, to be copied."""
    with ExitStack() as made:

        @cache
        def fill(log: str) -> str:
            make = contextmanager(new_database)
            url = made.enter_context(make(servers, execute_on_server, servers.template))
            run_sql(url, LOGS[log])
            return urlsplit(url).path[1:]

        yield fill


@pytest.fixture
def database(
    request: pytest.FixtureRequest,
    servers: Servers,
    execute_on_server: Execute,
    filled: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The URL of a new database with the log that the test asks for; the settings point at it."""
    log = next((name for name in LOGS if name in request.fixturenames), None)
    for url in new_database(servers, execute_on_server, filled(log) if log else servers.template):
        monkeypatch.setenv("DATABASE_URL", url)
        get_settings.cache_clear()
        yield url


@pytest.fixture
async def long_log(db: asyncpg.Connection) -> asyncpg.Connection:
    """20,000 runs of 5 agents, of which the first stopped reporting long ago."""
    return db


@pytest.fixture
async def rated_log(db: asyncpg.Connection) -> asyncpg.Connection:
    """The long log, every run with two scorers' results, and one in four rated by two people."""
    return db


@pytest.fixture
async def busy_log(db: asyncpg.Connection) -> asyncpg.Connection:
    """60,000 scored runs of 3 agents in 20 days, and no row of the derived tables left to a guess."""
    return db


@pytest.fixture
async def imported_log(db: asyncpg.Connection) -> asyncpg.Connection:
    """300 runs of each of 100 agents, which were written agent by agent."""
    return db


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def explain(
    db: asyncpg.Connection, statement: Select[Any] | TextClause | TextualSelect
) -> list[dict[str, Any]]:
    """The nodes of the plan of `statement`, as it was executed."""
    sql = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    (text,) = await db.fetchrow(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
    return list(nodes(json.loads(text)[0]["Plan"]))


def rows_read(plan: list[dict[str, Any]]) -> float:
    """How many rows were read from tables, those filtered out included."""
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in plan
        if "Relation Name" in node
    )


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    """The indexes that were used."""
    return {node["Index Name"] for node in plan if "Index Name" in node}


@pytest.mark.parametrize("count", [1, 10])
async def test_the_newest_runs_of_each_agent_are_read_from_the_index(
    long_log: asyncpg.Connection, count: int
) -> None:
    plan = await explain(long_log, newest_of_each_agent(count))
    assert "idx_agent_run_log_agent_created" in indexes(plan)
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]
    assert rows_read(plan) <= 5 * count + 10


async def _cards(session: AsyncSession) -> None:
    assert len((await event_cards(session, NOW, 100)).cards) == 100


async def _newest(session: AsyncSession) -> None:
    assert len(await recent_runs(per_agent=6, session=session)) == 600


async def _to_review(session: AsyncSession) -> None:
    assert await runs_to_review(session, rater=None, limit=5)


async def _plain_insert(session: AsyncSession) -> None:
    await session.execute(
        text("INSERT INTO agent_run_log (agent_id, actions_taken) SELECT agent_id, '{}' FROM agent_run_state")
    )
    await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


@pytest.mark.parametrize(
    ("read", "of_each"), [(_cards, 1), (_newest, 6), (_to_review, 20), (_plain_insert, 3)]
)
async def test_in_a_log_written_agent_by_agent_no_more_than_the_newest_runs_are_read(
    imported_log: asyncpg.Connection, read: Callable[[AsyncSession], Awaitable[None]], of_each: int
) -> None:
    fetched = text("""
        SELECT sum(pg_stat_get_xact_tuples_fetched(indexrelid))
        FROM pg_index WHERE indrelid = 'agent_run_log'::regclass
    """)
    async with transaction() as session:
        await read(session)
        assert 100 <= (await session.scalar(fetched) or 0) <= 100 * (of_each + 2)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "idx_agent_run_log_created_at"),
        ({"since": NOW - DAY / 24}, "idx_agent_run_log_created_at"),
        ({"until": NOW - 7 * DAY}, "idx_agent_run_log_created_at"),
        ({"agent_id": "agent-3"}, "idx_agent_run_log_agent_created"),
        ({"agent_id": "agent-0"}, "idx_agent_run_log_agent_created"),
        ({"agent_id": "agent-0", "since": NOW - 100 * DAY}, "idx_agent_run_log_agent_created"),
        ({"agent_id": "agent-3", "until": NOW - 7 * DAY}, "idx_agent_run_log_agent_created"),
    ],
)
async def test_a_page_of_the_list_is_read_from_an_index(
    long_log: asyncpg.Connection, filters: Any, index: str
) -> None:
    plan = await explain(long_log, newest_runs([AgentRunLog], 101, **filters))
    assert indexes(plan) == {index}
    assert rows_read(plan) <= 103


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({}, 100),
        ({"agent_id": "agent-3"}, 100),
        ({"status": "failed"}, 200),
        ({"agent_id": "agent-3", "status": "failed", "silent": False}, 200),
        ({"least_score": 0.9}, 1000),
        ({"agent_id": "agent-0", "q": "nowhere"}, 1000),
    ],
)
async def test_a_page_of_browsing_reads_a_window_at_most(
    long_log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, filters: Any, rows: int
) -> None:
    monkeypatch.setattr(browsing, "WINDOW_RUNS", 1000)
    statement = browsing.matching_runs(None, 51, filters, browsing._columns)
    assert statement is not None
    plan = await explain(long_log, statement)
    agent = "agent_id" in filters
    assert indexes(plan) == {f"idx_agent_run_log_{'agent_created' if agent else 'created_at'}"}
    assert rows_read(plan) <= rows + 2


async def test_of_runs_without_a_date_no_others_are_read(long_log: asyncpg.Connection) -> None:
    await long_log.execute("""
        INSERT INTO agent_run_log (agent_id, created_at)
        SELECT 'agent-' || CASE WHEN n % 10 = 0 THEN 3 ELSE 0 END, NULL FROM generate_series(1, 1000) AS n;
        ANALYZE agent_run_log;
    """)
    for filters in ({}, {"agent_id": "agent-3"}):
        plan = await explain(long_log, newest_runs([AgentRunLog], 50, dated=False, **filters))
        assert not [node for node in plan if node["Node Type"] == "Seq Scan"]
        assert rows_read(plan) <= 1000


async def explain_batch(db: asyncpg.Connection, run_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The nodes of the plan by which a batch is read for scoring, as it was executed."""
    sql = read_batch(wait=False).compile(dialect=asyncpg_dialect.dialect())
    (text,) = await db.fetchrow(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", run_ids)
    return list(nodes(json.loads(text)[0]["Plan"]))


@pytest.mark.parametrize("agent", ["agent-3", "new", "seldom"])
async def test_the_runs_before_a_run_are_read_from_the_index(
    long_log: asyncpg.Connection, agent: str
) -> None:
    await long_log.execute("""
        INSERT INTO agent_run_log (agent_id, created_at)
        SELECT 'seldom', now() - n * interval '6 days' FROM generate_series(1, 2) AS n
    """)
    run_id = await long_log.fetchval("INSERT INTO agent_run_log (agent_id) VALUES ($1) RETURNING id", agent)
    plan = await explain_batch(long_log, [run_id])
    assert "idx_agent_run_log_agent_created" in indexes(plan)
    assert rows_read(plan) <= 6


async def test_a_batch_and_its_histories_are_read_from_indexes(long_log: asyncpg.Connection) -> None:
    newest = "SELECT id FROM agent_run_log WHERE agent_id = 'agent-3' ORDER BY created_at DESC LIMIT 100"
    scattered = "SELECT id FROM agent_run_log WHERE agent_id = 'agent-0' AND actions_taken->>'n' LIKE '%00'"
    for query, history in ((newest, 5), (scattered, 245)):
        run_ids = [row["id"] for row in await long_log.fetch(query)]
        plan = await explain_batch(long_log, run_ids)
        assert indexes(plan) == {"agent_run_log_pkey", "idx_agent_run_log_agent_created"}
        assert rows_read(plan) <= 6 * len(run_ids)
        # Each payload comes once, also where a run is history to the next ones.
        assert plan[0]["Actual Rows"] == len(run_ids) + history


async def test_long_payloads_are_sorted_by_reference(long_log: asyncpg.Connection) -> None:
    run_ids = [row["id"] for row in await long_log.fetch("SELECT id FROM agent_run_log LIMIT 50")]
    plan = await explain_batch(long_log, run_ids)
    assert plan[0]["Node Type"] == "Subquery Scan"


async def test_the_sweep_reads_only_what_is_unscored(long_log: asyncpg.Connection) -> None:
    await long_log.execute("""
        UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.5}' WHERE created_at < now() - interval '1 hour'
    """)
    await long_log.execute("ANALYZE agent_run_log")
    unscored = select(AgentRunLog.id).where(UNSCORED, AgentRunLog.created_at < NOW)
    plan = await explain(long_log, unscored.order_by(AgentRunLog.created_at).limit(20_000))
    assert indexes(plan) == {"idx_agent_run_log_unscored"}
    assert rows_read(plan) <= 60


@pytest.mark.parametrize("cursor_at", [None, NOW - 5 * DAY])
async def test_a_backfill_reads_its_next_runs_from_the_index(
    long_log: asyncpg.Connection, cursor_at: datetime | None
) -> None:
    backfill = ScoreBackfill(since=NOW - 9 * DAY, until=NOW, cursor_at=cursor_at, cursor_id=UUID(int=0))
    plan = await explain(long_log, next_runs(backfill))
    assert indexes(plan) == {"idx_agent_run_log_created_at"}
    assert rows_read(plan) <= 255


async def test_the_counts_of_scoring_read_a_bounded_part_of_the_log(
    long_log: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.scoring.status.CAP", 100)
    monkeypatch.setattr("app.scoring.status._SAMPLED_PAGES", 10)
    await long_log.execute("""
        INSERT INTO agent_run_score (run_id, scorer, version, auto, error)
        SELECT id, 'rubric', '1', 0.5, CASE WHEN agent_id = 'agent-1' THEN 'no' END FROM agent_run_log;
        INSERT INTO agent_run_score (run_id, scorer, version)
        SELECT id, 'judge', 'a' FROM agent_run_log LIMIT 3;
    """)
    await long_log.execute("VACUUM ANALYZE")
    before = [await tuples_read(long_log, table) for table in ("agent_run_log", "agent_run_score")]
    async with transaction() as session:
        await scoring_counts(session)
        await error_reasons(session)
        await results_by_version(session)
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
    runs, results = [await tuples_read(long_log, table) for table in ("agent_run_log", "agent_run_score")]
    assert runs - before[0] <= 2 * 101
    assert results - before[1] <= 101 + 101 + 10 * 200


async def test_todays_count_reads_hours(busy_log: asyncpg.Connection) -> None:
    plan = await explain(busy_log, successes_since(NOW.replace(hour=0, minute=0, second=0, microsecond=0)))
    assert indexes(plan) == {"run_rollup_pkey"}
    assert rows_read(plan) <= 24


@pytest.mark.parametrize("weeks", [1, 2])
async def test_a_weeks_quality_reads_hours_and_minutes_and_the_runs_of_two_minutes(
    busy_log: asyncpg.Connection, weeks: int
) -> None:
    end = NOW - (weeks - 1) * 7 * DAY
    plan = await explain(busy_log, scores_between(end - 7 * DAY, end))
    assert indexes(plan) == {"run_rollup_pkey", "idx_agent_run_log_created_at"}
    assert rows_read(plan) <= 7 * 24 + 2 * 60 + 2 * 2


async def test_the_agents_qualities_read_their_hours_and_the_runs_of_one(
    busy_log: asyncpg.Connection,
) -> None:
    agents = [f"agent-{n}" for n in range(3)]
    plan = await explain(busy_log, agent_scores_since(agents, NOW - 7 * DAY))
    # The rollup is kept for 36 days, so all of it may be read.
    assert {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"} <= {"agent_rollup"}
    assert rows_read(plan) <= 3 * 36 * 24 + 3 * 120


async def test_the_past_of_a_quiet_agent_is_read_once(busy_log: asyncpg.Connection) -> None:
    agents = [f"agent-{n}" for n in range(3)]
    histories = {agent: AgentHistory(agent, NOW) for agent in agents}
    suspicions = {agent: [StoppedReporting()] for agent in agents}
    entries = """
        SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class
        WHERE oid = 'agent_run_log'::regclass OR oid IN
            (SELECT indexrelid FROM pg_index WHERE indrelid = 'agent_run_log'::regclass)
    """

    async def read() -> tuple[int, dict[str, AgentHistory]]:
        """How many entries of the log and its indexes a look at the agents reads, and what it sees."""
        async with transaction() as session:
            before = await session.scalar(text(entries))
            found = await deepened(session, histories, suspicions, 50, NO_OUTAGES)
            return int(await session.scalar(text(entries)) - before), found

    two_weeks = 14 * 24 * 40
    first, found = await read()
    again, remembered = await read()
    assert first > 3 * two_weeks
    assert again <= 3 * 2 + 1  # the planner itself looks up the newest date of the log
    assert remembered == found
    await busy_log.execute(UNGUARD)
    await busy_log.execute(
        "UPDATE agent_run_log SET created_at = created_at - interval '20 minutes'"
        " WHERE agent_id = 'agent-1' AND created_at BETWEEN now() - interval '5 hours'"
        " AND now() - interval '4 hours'"
    )
    changed, corrected = await read()
    assert changed > two_weeks
    assert corrected["agent-1"].learned_past is not found["agent-1"].learned_past
    assert corrected["agent-0"].learned_past is found["agent-0"].learned_past


async def test_a_plain_insert_settles_its_agents_state_from_the_index(busy_log: asyncpg.Connection) -> None:
    """Whatever the length of the log, and also of an agent that never succeeds."""
    await busy_log.execute(UNGUARD)
    await busy_log.execute("UPDATE agent_run_log SET status = 'failed' WHERE agent_id = 'agent-0'")
    await busy_log.execute("VACUUM ANALYZE")
    before = await tuples_read(busy_log)
    await busy_log.execute("INSERT INTO agent_run_log (agent_id, status) VALUES ('agent-0', 'failed')")
    assert await tuples_read(busy_log) - before <= 20


async def tuples_read(db: asyncpg.Connection, table: str = "agent_run_log") -> int:
    """How many rows of a table have ever been read, by whatever statement."""
    await db.execute("SELECT pg_stat_force_next_flush()")
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = $1"
    return int(await db.fetchval(read, table))


async def test_the_review_queue_reads_a_few_runs_of_each_agent(rated_log: asyncpg.Connection) -> None:
    bounds = {"agents": 300, "runs": 20, "since": NOW - 30 * DAY, "now": NOW, "rater": "ada"}
    plan = await explain(rated_log, CANDIDATES.bindparams(**bounds))
    assert indexes(plan) == {
        *("idx_agent_run_log_agent_created", "agent_run_score_pkey", "agent_run_feedback_pkey")
    }
    # Five agents, twenty runs of each, two results of a run and two ratings of one in four.
    assert rows_read(plan) <= 5 + 5 * 20 * (1 + 2 + 2)


async def test_agreement_reads_the_runs_rated_last(rated_log: asyncpg.Connection) -> None:
    plan = await explain(rated_log, RATED.bindparams(since=NOW - 365 * DAY, newest=100))
    assert indexes(plan) == {
        *("idx_agent_run_feedback_updated_at", "agent_run_log_pkey"),
        *("agent_run_score_pkey", "agent_run_feedback_pkey"),
    }
    assert rows_read(plan) <= 400 + 100 * (1 + 2 + 2)


@pytest.mark.parametrize("agent", ["agent-0", "agent-3"])
async def test_the_next_runs_of_an_agent_are_exported_from_its_index(
    rated_log: asyncpg.Connection, agent: str
) -> None:
    for since in (NOW - 365 * DAY, NOW - 7 * DAY):
        bounds = {"agent_id": agent, "place": since.isoformat(), "id": UUID(int=0), "limit": 100}
        plan = await explain(rated_log, NEXT_OF_AGENT.bindparams(**bounds))
        assert indexes(plan) == {"idx_agent_run_log_agent_created"}
        assert rows_read(plan) <= 102


async def test_times_of_silence_are_found_among_many_findings(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO audit_finding (rule, agent_id, message, opened_at, closed_at)
        SELECT CASE WHEN n % 5000 = 0 THEN 'fleet_silent' ELSE 'consecutive_failures' END, 'agent', 'found',
            at, at + interval '1 hour'
        FROM generate_series(1, 20000) AS n, LATERAL (SELECT now() - n * interval '3 minutes' AS at) AS moment
    """)
    await db.execute("ANALYZE audit_finding")
    plan = await explain(db, silences(NOW, NOW - 60 * DAY))
    assert indexes(plan) == {"idx_audit_finding_fleet"}
    assert rows_read(plan) == 4


async def test_the_alerts_of_a_finding_are_found_among_many(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO alert_notification (kind, channel, events)
        SELECT 'opened', 'webhook', jsonb_agg(jsonb_build_array(gen_random_uuid(), 'opened'))
        FROM generate_series(1, 20000) AS n, generate_series(1, 3) AS event GROUP BY n
    """)
    await db.execute("ANALYZE alert_notification")
    wanted = await db.fetch("SELECT events -> 1 ->> 0 AS id FROM alert_notification LIMIT 50")
    plan = await explain(db, ABOUT.bindparams(finding_ids=[UUID(row["id"]) for row in wanted]))
    assert "idx_alert_notification_events" in indexes(plan)
    assert rows_read(plan) <= 100


async def test_the_newest_failure_of_an_agent_is_read_from_its_index(long_log: asyncpg.Connection) -> None:
    bounds = {"agent_ids": ["agent-1", "agent-3"], "start": NOW - DAY, "end": NOW}
    plan = await explain(long_log, NEWEST_FAILURES.bindparams(**bounds))
    assert indexes(plan) == {"idx_agent_run_log_agent_created"}
    assert rows_read(plan) <= 2 * 4


async def test_which_runs_are_under_way_costs_nothing_however_long_the_log_is(
    long_log: asyncpg.Connection,
) -> None:
    await long_log.execute("""
        INSERT INTO agent_run_idempotency_key (agent_id, key, run_id, payload_digest)
        SELECT agent_id, id::text, id, '' FROM agent_run_log;
        INSERT INTO agent_run_duration (run_id, agent_id, created_at, seconds, by_key)
        SELECT id, agent_id, created_at, 60, true FROM agent_run_log;
        INSERT INTO agent_run_start (agent_id, run_key, started_at, received_at)
        SELECT 'agent-' || n % 5, CASE WHEN n < 5 THEN '' ELSE n::text END,
            now(), now() - n * interval '1 hour'
        FROM generate_series(0, 20) AS n;
        ANALYZE
    """)
    tables = "agent_run_log", "agent_run_idempotency_key", "agent_run_duration"
    before = [await tuples_read(long_log, table) for table in tables]
    async with transaction() as session:
        starts = await known_starts(session)
        await settle_starts(session)
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
    assert sum(map(len, starts.values())) == 17
    read = [await tuples_read(long_log, table) for table in tables]
    assert all(after - known < 1_000 for after, known in zip(read, before, strict=True))
