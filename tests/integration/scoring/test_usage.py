"""What a run took is kept with its score, once, and summed with what is unknown left out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from app.db.session import transaction
from app.kit.sql import database_now
from app.models.agent_run_log import AUDITOR
from app.runs.usage_records import UsageSums, spent_between, usage_by_agent, usage_by_day
from app.scoring.backfills import backfill_chunk, open_backfill
from app.scoring.pipeline import score_runs
from app.scoring.rubric import SCORER, VERSION
from app.services.agent_run_log_service import write_run_log
from support.log_changes import UNGUARD

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DAY = timedelta(days=1)
DEAR = {"summary": "Fixed a leak", "durationMs": 90_000, "total_tokens": 1200, "total_cost_usd": 0.5}


async def score(*run_ids: UUID) -> None:
    """Score runs as the task does."""
    async with transaction() as session:
        await score_runs(session, run_ids)


async def kept(db: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """What is kept, in the order in which the runs came."""
    return [
        tuple(row)
        for row in await db.fetch(
            "SELECT agent_id, seconds, tokens, cost_usd FROM agent_run_usage ORDER BY created_at"
        )
    ]


async def test_it_is_kept_with_the_score_of_runs_that_say_it(db: asyncpg.Connection) -> None:
    run_ids = [
        await write_run_log("sage", DEAR),
        await write_run_log("sage", {"summary": "Fixed it"}),
        await write_run_log("nova", {"summary": "Scanned", "took_ms": 10}, status="failed"),
    ]
    assert await kept(db) == []
    await score(*run_ids)
    assert await kept(db) == [("sage", 90.0, 1200, 0.5), ("nova", 0.01, None, None)]
    same = "SELECT count(*) FROM agent_run_usage JOIN agent_run_log AS run USING (agent_id, created_at)"
    assert await db.fetchval(f"{same} WHERE run.id = run_id") == 2


@pytest.mark.parametrize(
    "payload",
    [
        '{"durationMs": 1e400, "total_tokens": -3, "total_cost_usd": "dear"}',
        '{"durationMs": 99999999999999999999999999999999999999999999999999}',
        '["durationMs"]',
        '"durationMs"',
        "null",
        "12",
        f"{'[' * 3000}{']' * 3000}",
    ],
)
async def test_odd_reports_are_scored_and_say_nothing(db: asyncpg.Connection, payload: str) -> None:
    run_id = await db.fetchval(
        "INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('odd', $1) RETURNING id", payload
    )
    await score(run_id)
    assert await kept(db) == []
    assert await db.fetchval("SELECT rlhf_scores ->> 'overall' FROM agent_run_log") is not None


async def test_a_run_without_a_time_is_scored_and_counted_nowhere(db: asyncpg.Connection) -> None:
    run_id = await db.fetchval(
        "INSERT INTO agent_run_log (agent_id, actions_taken, created_at)"
        " VALUES ('odd', '{\"took_ms\": 5}', NULL) RETURNING id"
    )
    await score(run_id)
    assert await kept(db) == []
    assert await db.fetchval("SELECT rlhf_scores ->> 'overall' FROM agent_run_log") is not None


async def test_a_run_that_is_scored_again_counts_once(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", DEAR)
    await score(run_id)
    await db.execute("UPDATE agent_run_log SET rlhf_scores = NULL")
    await score(run_id)
    assert await kept(db) == [("sage", 90.0, 1200, 0.5)]


async def test_a_backfill_keeps_it_of_runs_that_were_scored_before(db: asyncpg.Connection) -> None:
    await score(await write_run_log("sage", DEAR), await write_run_log("sage", {"summary": "Fixed it"}))
    await db.execute("DELETE FROM agent_run_usage")
    async with transaction() as session:
        since = await database_now(session) - DAY
        backfill = await open_backfill(session, since=since, scorer=SCORER, version=VERSION)
        backfill = await backfill_chunk(session, backfill.id)
    assert (backfill.scored, backfill.skipped) == (0, 2)
    assert await kept(db) == [("sage", 90.0, 1200, 0.5)]


async def test_a_run_that_is_deleted_takes_it_along(db: asyncpg.Connection) -> None:
    await score(await write_run_log("sage", DEAR))
    await db.execute("DELETE FROM agent_run_score")
    await db.execute(UNGUARD)
    await db.execute("DELETE FROM agent_run_log")
    assert await kept(db) == []


RUN = """
WITH run AS (
    INSERT INTO agent_run_log (agent_id, created_at) VALUES ($1, $2) RETURNING id, agent_id, created_at
)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, tokens, cost_usd)
SELECT id, agent_id, created_at, $3, $4, $5 FROM run
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = NOON - timedelta(hours=12)


async def test_sums_leave_out_what_is_unknown(db: asyncpg.Connection) -> None:
    for agent_id, at, *figures in (
        ("sage", NOON, 10.0, 100, 0.5),
        ("sage", NOON + timedelta(hours=1), 30.0, None, 0.25),
        ("sage", NOON - DAY, 5.0, 7, None),
        ("nova", NOON, None, 3 * 10**14, None),
        (AUDITOR, NOON, 1.0, 1, 1.0),
        ("sage", MIDNIGHT + DAY, 1000.0, None, None),
    ):
        await db.execute(RUN, agent_id, at, *figures)
    of_sage = UsageSums(2, 2, 20.0, 30.0, 1, 100, 2, 0.75)
    day_before = UsageSums(1, 1, 5.0, 5.0, 1, 7, 0, None)
    async with transaction() as session:
        total, by_agent = await usage_by_agent(session, MIDNIGHT, MIDNIGHT + DAY)
        assert by_agent == {"sage": of_sage, "nova": UsageSums(1, counted=1, tokens=3 * 10**14)}
        assert total == UsageSums(3, 2, 20.0, 30.0, 2, 3 * 10**14 + 100, 2, 0.75)
        spent = await spent_between(session, MIDNIGHT, MIDNIGHT + DAY)
        assert spent == total._replace(timed=0, median_seconds=None, longest_seconds=None)
        assert await spent_between(session, NOON - 9 * DAY, NOON - 8 * DAY) == UsageSums()
        all_days, by_day = await usage_by_day(session, "sage", MIDNIGHT - DAY, MIDNIGHT + DAY)
        assert by_day == {MIDNIGHT: of_sage, MIDNIGHT - DAY: day_before}
        assert all_days == UsageSums(3, 3, 10.0, 30.0, 2, 107, 2, 0.75)


MANY = """
WITH run AS (
    INSERT INTO agent_run_log (agent_id, created_at)
    SELECT 'agent-' || n % 50, $1::timestamptz - n * interval '10 minutes' FROM generate_series(0, 20000) AS n
    RETURNING id, agent_id, created_at
)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, tokens) SELECT *, 7 FROM run
"""


async def test_sums_read_the_runs_of_their_time_alone(db: asyncpg.Connection) -> None:
    await db.execute(MANY, NOON)
    await db.execute("VACUUM ANALYZE")
    rows = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'agent_run_usage'"
    flush = "SELECT pg_stat_force_next_flush()"
    await db.execute(flush)
    before = await db.fetchval(rows)
    async with transaction() as session:
        assert (await spent_between(session, NOON - DAY, NOON)).runs == 144
        assert (await usage_by_day(session, "agent-1", NOON - 100 * DAY, NOON))[0].runs == 288
        await session.execute(text(flush))
    await db.execute(flush)
    assert await db.fetchval(rows) - before <= 144 + 288
