"""Sums over a window are those of its runs, whichever part of a minute it begins and ends in."""

import json
from datetime import timedelta

import asyncpg
import pytest

from app.db.session import transaction
from app.kit.sql import database_now
from app.runs.window_sums import scores_between, scores_by_day

pytestmark = pytest.mark.anyio

WINDOW = timedelta(days=7)
# Seconds from either end of the window: at it, a moment beside it, in its minute, and in the minutes around.
BESIDE = (-3_700, -70, -15, -1e-6, 0, 1e-6, 5, 35, 70, 3_700)


@pytest.mark.parametrize("second", [0, 20, 59.5])
async def test_scores_of_runs_around_both_ends(db: asyncpg.Connection, second: float) -> None:
    async with transaction() as session:
        now = await database_now(session)
    end = now.replace(second=0, microsecond=0) - timedelta(hours=2) + timedelta(seconds=second)
    start = end - WINDOW
    moments = [limit + timedelta(seconds=each) for limit in (start, end) for each in BESIDE]
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores) VALUES ('sage', $1, $2)",
        [(moment, json.dumps({"overall": number / 32})) for number, moment in enumerate(moments)],
    )
    async with transaction() as session:
        total, scored = (await session.execute(scores_between(start, end))).one()
    inside = [number / 32 for number, moment in enumerate(moments) if start < moment <= end]
    assert (float(total), scored) == (sum(inside), len(inside))


@pytest.mark.parametrize("second", [0, 20, 59.5])
async def test_scores_of_runs_around_each_day(db: asyncpg.Connection, second: float) -> None:
    async with transaction() as session:
        now = await database_now(session)
    end = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2) + timedelta(seconds=second)
    day = timedelta(days=1)
    moments = [end - back * day + timedelta(seconds=each) for back in range(4) for each in BESIDE]
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores) VALUES ('sage', $1, $2)",
        [(moment, json.dumps({"overall": number / 64})) for number, moment in enumerate(moments)],
    )
    async with transaction() as session:
        by_day = [tuple(row) for row in await session.execute(scores_by_day(end, 3))]
        alone = [
            (await session.execute(scores_between(end - (n + 1) * day, end - n * day))).one()
            for n in range(3)
        ]
    assert sorted(by_day) == [(number, *sums) for number, sums in enumerate(alone)]
    assert sum(scored for _, _, scored in by_day) == sum(end - 3 * day < each <= end for each in moments)
