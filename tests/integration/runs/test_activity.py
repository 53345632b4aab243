"""What agents did hour by hour is what the log says, scored or not, whatever changes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.dashboard.quality_weeks import WEEKS, quality_by_week
from app.db.session import transaction
from app.runs.activity import Activity, agent_activity
from app.runs.window_sums import successes_between
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SCORE = json.dumps({"overall": 0.5})
STATUSES = ("success", "failed", "partial")
PLAIN = """
    SELECT agent_id, date_trunc($2, created_at, 'UTC'), count(*), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE consecutive_silence_count > 0)
    FROM agent_run_log WHERE agent_id = ANY($1) AND created_at >= $3 AND created_at < $4 GROUP BY 1, 2
"""


async def insert(db: asyncpg.Connection, *rows: tuple[str, datetime, str, int, str | None]) -> None:
    """Runs of plain SQL: agent, moment, status, silence count, score."""
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at, status, consecutive_silence_count, rlhf_scores)"
        " VALUES ($1, $2, $3, $4, $5)",
        rows,
    )


async def check(db: asyncpg.Connection, since: datetime, until: datetime) -> list[Activity]:
    """What is read is what the log says."""
    found: list[Activity] = []
    for unit in ("hour", "day"):
        async with transaction() as session:
            found = await agent_activity(session, ["sage", "nova"], since, unit, until)  # type: ignore[arg-type]
        plain: list[Any] = await db.fetch(PLAIN, ["sage", "nova"], unit, since, until)
        assert sorted(found) == sorted(tuple(row) for row in plain)
    return found


async def test_activity_follows_the_log(db: asyncpg.Connection) -> None:
    since, until = TODAY - 9 * DAY, TODAY - HOUR
    await insert(
        db,
        *(
            (
                agent,
                TODAY - n * HOUR - timedelta(minutes=n),
                ("success", "failed", "partial")[n % 3],
                n % 4 % 3,
                score,
            )
            for agent in ("sage", "nova", "other")
            for n in range(0, 230, 2)
            for score in (None, SCORE, json.dumps({"overall": None, "error": "x"}))
        ),
    )
    assert len(await check(db, since, until)) > 10
    await db.execute("UPDATE agent_run_log SET rlhf_scores = $1 WHERE rlhf_scores IS NULL", SCORE)
    await check(db, since, until)
    await db.execute(UNGUARD)
    await db.execute(
        "UPDATE agent_run_log SET status = 'failed', consecutive_silence_count = 1 WHERE status = 'partial'"
    )
    await check(db, since, until)
    await db.execute("DELETE FROM agent_run_log WHERE created_at < $1", TODAY - 5 * DAY)
    await check(db, since, until)


async def test_successes_of_yesterday_are_those_up_to_the_same_minute(db: asyncpg.Connection) -> None:
    end = TODAY - DAY + timedelta(hours=3, minutes=20, seconds=30)
    minutes = (-1, 0, 59, 60, 199, 199.9, 200, 200.4, 201)
    await insert(
        db, *(("sage", TODAY - DAY + timedelta(minutes=each), "success", 0, None) for each in minutes)
    )
    async with transaction() as session:
        assert await session.scalar(successes_between(TODAY - DAY, end)) == 5


async def test_weeks_have_the_mean_of_their_runs_and_unknown_is_no_number(db: asyncpg.Connection) -> None:
    now = TODAY + timedelta(minutes=30)
    scores = {0: (0.8, 0.6), 1: (0.4,), 30: (0.5, 0.5, 0.2)}
    await insert(
        db,
        *(
            ("sage", now - days * DAY - 2 * HOUR, "success", 0, json.dumps({"overall": score}))
            for days, of_day in scores.items()
            for score in of_day
        ),
        ("auditor", now - 2 * HOUR, "success", 0, json.dumps({"overall": 1.0})),
        ("sage", now - WEEKS * 7 * DAY - HOUR, "success", 0, SCORE),
    )
    async with transaction() as session:
        weeks = await quality_by_week(session, now)
    assert [week.runs for week in weeks] == [0] * 7 + [3, 0, 0, 0, 3]
    assert [week.mean for week in weeks] == [
        *[None] * 7,
        pytest.approx(0.4),
        None,
        None,
        None,
        pytest.approx(0.6),
    ]
    assert weeks[-1].end == now
    assert weeks[-5].margin is None
    assert weeks[-1].margin is not None
    assert weeks[-1].margin > 0.1
