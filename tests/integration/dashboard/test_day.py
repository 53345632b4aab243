"""The digest of a day: what is not known is None, and never 0."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import httpx
import pytest

from app.dashboard.day import Day, read_day
from app.dashboard.insights import metrics
from app.db.session import transaction
from app.kit.sql import database_now

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
RUN = """
INSERT INTO agent_run_log (agent_id, status, created_at, action_summary, actions_taken, rlhf_scores)
VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN '{}' ELSE '{"fixed": "a leak"}' END::jsonb, $6)
"""
SCORES = '{"overall": 0.5, "auto": 0.5}'


async def now() -> datetime:
    """The database's clock."""
    async with transaction() as session:
        return await database_now(session)


async def read(day: date) -> Day:
    """The digest of a day."""
    async with transaction() as session:
        return await read_day(session, day, await database_now(session))


async def noon(days_ago: int) -> datetime:
    """Noon of a day in UTC."""
    return (await now()).replace(hour=12, minute=0, second=0, microsecond=0) - days_ago * DAY


async def record(db: asyncpg.Connection, agent_id: str, status: str, at: datetime, **given: object) -> None:
    """A run of that time; `silent` without a report, `scores` None without a score."""
    scores, silent = given.get("scores", SCORES), given.get("silent", False)
    await db.execute(RUN, agent_id, status, at, given.get("said"), silent, scores)


async def test_runs_are_counted_by_how_they_went_whether_scored_or_not(db: asyncpg.Connection) -> None:
    at = await noon(2)
    await record(db, "sage", "success", at)
    await record(db, "sage", "partial", at, scores=None)
    await record(db, "nova", "failed", at, said="aborted: disk full")
    await record(db, "nova", "failed", at + timedelta(hours=1), said="aborted again", scores=None)
    await record(db, "atlas", "success", at, silent=True)
    await record(db, "auditor", "success", at)
    await record(db, "late", "failed", at + timedelta(hours=12))  # the day after
    day = await read(at.date())
    runs = day.runs
    assert (runs.total, runs.succeeded, runs.partial, runs.failed, runs.silent) == (5, 2, 1, 2, 1)
    assert day.agents is not None
    assert [(each.agent_id, each.runs, each.failed) for each in day.agents] == [
        ("nova", 2, 2),
        ("atlas", 1, 0),
        ("sage", 2, 0),
    ]
    assert [(each.agent_id, each.failed, each.said) for each in day.failures] == [
        ("nova", 2, "aborted again")
    ]
    assert (day.quality.mean, day.quality.runs) == (0.5, 3)
    assert day.is_over


async def test_heartbeats_of_past_days_are_unknown_and_so_is_the_sum(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    at = await noon(2)
    await record(db, "sage", "success", at)
    await db.execute(
        "INSERT INTO agent_cloud_task (task_id, status, completed_at) VALUES ('t', 'completed', $1)", at
    )
    sources = (await read(at.date())).sources
    assert (sources.agent_runs, sources.improvement_loops, sources.agent_cloud_tasks) == (1, None, 1)
    assert sources.total is None


async def test_today_has_the_figures_of_the_dashboard(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await record(db, "sage", "success", await now())
    beat = {"agent_id": "nova", "improvement_loops": 4}
    assert (await api.post("/api/v1/internal/peer-swarm/heartbeat", json=beat)).status_code == 204
    async with transaction() as session:
        shown = await metrics(session)
    day = await read(shown.generated_at.date())
    assert day.sources.total == shown.tasks_completed_today == 5
    assert not day.is_over


async def test_before_the_first_run_nothing_is_known(db: asyncpg.Connection) -> None:
    empty = await read(date(2026, 1, 1))
    assert empty.first is None
    await record(db, "sage", "success", await noon(2))
    before = await read((await noon(5)).date())
    for day in (empty, before):
        assert day.sources.total is day.runs.total is day.runs.failed is day.quality.mean is None
        assert day.agents is None
        assert day.sources.agent_cloud_tasks is None
    assert before.first == (await noon(2)).date()


async def test_a_day_on_which_nothing_ran_has_none(db: asyncpg.Connection) -> None:
    await record(db, "sage", "success", await noon(4))
    day = await read((await noon(3)).date())
    assert (day.runs.total, day.runs.failed, day.agents) == (0, 0, [])
    assert (day.quality.mean, day.quality.runs) == (None, 0)


async def test_how_agents_did_is_unknown_once_their_hours_are_not_kept(db: asyncpg.Connection) -> None:
    at = await noon(50)
    await record(db, "sage", "failed", at)
    day = await read(at.date())
    assert (day.runs.total, day.runs.succeeded) == (1, 0)
    assert day.agents is day.runs.failed is day.runs.partial is day.runs.silent is None


async def test_while_the_rollups_are_filled_no_figure_is_shown(db: asyncpg.Connection) -> None:
    at = await noon(2)
    await record(db, "sage", "success", at)
    await db.execute("INSERT INTO rollup_gap (until) VALUES ($1)", at)
    assert (await read(at.date())).runs.total is None


FINDING = """
INSERT INTO audit_finding (rule, agent_id, message, opened_at, closed_at) VALUES ($1, $2, 'm', $3, $4)
"""


async def test_who_was_missing_is_who_was_missed_at_any_time_of_the_day(db: asyncpg.Connection) -> None:
    at = await noon(3)
    midnight = at.replace(hour=0)
    await db.execute(FINDING, "stopped_reporting", "since-before", at - 5 * DAY, None)
    await db.execute(FINDING, "stopped_reporting", "came-back", at - DAY, at)
    await db.execute(FINDING, "agents_missing", "with-others", at - DAY, at + DAY)
    await db.execute(FINDING, "never_reported", "new", at, at + 2 * DAY)
    await db.execute(
        FINDING, "stopped_reporting", "over-before", at - 2 * DAY, midnight - timedelta(seconds=1)
    )
    await db.execute(FINDING, "stopped_reporting", "after", midnight + DAY, None)
    await db.execute(FINDING, "silent_runs", "talks-nonsense", at, None)
    day = await read(at.date())
    assert {each.agent_id for each in day.missing} == {"since-before", "came-back", "with-others", "new"}
    assert {each.agent_id for each in day.opened} == {"new", "talks-nonsense"}
    assert [each.agent_id for each in day.closed] == ["came-back"]
    assert (day.opened_count, day.closed_count) == (2, 1)


async def test_whether_the_auditor_looked_is_yes_no_or_not_kept(db: asyncpg.Connection) -> None:
    at = await noon(3)
    await db.execute("INSERT INTO audit_cycle (ended_at, error) VALUES ($1, 'away')", at)
    assert (await read(at.date())).judged is False
    await db.execute("INSERT INTO audit_cycle (ended_at) VALUES ($1)", at)
    assert (await read(at.date())).judged is True
    assert (await read(datetime(2020, 1, 1, tzinfo=UTC).date())).judged is None
