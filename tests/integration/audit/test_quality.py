"""The Auditor's look at scores: drops are found in the rollups, and so are runs that are not scored."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration, quality
from app.audit.cycle import AuditCycle
from app.audit.domain.quality import QualityTrend
from app.audit.domain.scores import means
from app.audit.quality import keep_trends, read_trends
from app.db.session import transaction
from app.kit.sql import database_now
from app.runs.run import made_at, new_run_id
from support.alerting import audit_and_announce

pytestmark = pytest.mark.anyio

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def cycle() -> AuditCycle:
    async with transaction() as session:
        return await audit_and_announce(session)


def keys(cycle: AuditCycle) -> list[tuple[str, str]]:
    return sorted((finding.rule, finding.agent_id) for finding in cycle.open)


async def score_history(
    db: asyncpg.Connection,
    agent: str,
    *,
    lately: float,
    days: int = 33,
    since: timedelta = timedelta(days=7),
    until: datetime | None = None,
) -> None:
    """Runs at every full hour, or each hour up to `until`: about 0.8, and `lately` in the time `since`."""
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at, rlhf_scores)
        SELECT $1, 'did it', '{"summary": "did it"}', at, at, jsonb_build_object('overall',
            CASE WHEN n * interval '1 hour' < $4 THEN $2 ELSE 0.8 END + (n % 5 - 2) * 0.01)
        FROM generate_series(0, $3 * 24) AS n, LATERAL (
            SELECT coalesce($5, date_trunc('hour', now())) - n * interval '1 hour' AS at
        ) AS t
        """,
        agent,
        lately,
        days,
        since,
        until,
    )


async def test_a_drop_in_quality_opens_and_closes(db: asyncpg.Connection) -> None:
    await score_history(db, "nova", lately=0.5)
    await score_history(db, "sage", lately=0.75)
    opened = await cycle()
    assert keys(opened) == [("quality_drop", "nova")]
    assert "scored 0.50 (thin) on average in 7 days" in opened.opened[0].message
    assert "after 0.80 (shown) in the four weeks before" in opened.opened[0].message
    assert len(opened.opened[0].evidence["run_ids"]) == 10

    assert keys(await cycle()) == [("quality_drop", "nova")]

    await db.execute(
        "UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.8}'"
        " WHERE created_at > now() - interval '6 days'"
    )
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, rlhf_scores)"
        " VALUES ('nova', 'did it', '{\"summary\": \"did it\"}', '{\"overall\": 0.8}')"
    )
    closed = await cycle()
    assert closed.open == []
    proof = closed.closed[0].closing_evidence
    assert proof
    assert proof["reason"].startswith("nova scored 0.76 (shown) on average in 7 days")
    assert proof["reason"].endswith(", after 0.80 (shown) in the four weeks before")
    assert proof["mean"] > 0.75


async def test_a_drop_ends_with_a_scorer_that_cannot_be_compared(db: asyncpg.Connection) -> None:
    await score_history(db, "nova", lately=0.5)
    assert keys(await cycle()) == [("quality_drop", "nova")]
    await db.execute("""
        UPDATE agent_run_log SET rlhf_scores = rlhf_scores || '{"scorer": "rubric", "version": "2"}'
        WHERE created_at > now() - interval '7 days'
    """)
    await db.execute("""
        UPDATE agent_run_log SET rlhf_scores = rlhf_scores || '{"scorer": "rubric", "version": "1"}'
        WHERE created_at <= now() - interval '7 days'
    """)
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, action_summary, actions_taken)"
        " VALUES ('nova', 'did it', '{\"summary\": \"did it\"}')"
    )
    closed = await cycle()
    assert closed.open == []
    assert closed.closed[0].closing_evidence == {
        "reason": "this week has no scores of it that could be compared with those before"
    }


async def test_a_stricter_scorer_is_no_drop(db: asyncpg.Connection) -> None:
    await score_history(db, "nova", lately=0.5)
    await db.execute("""
        UPDATE agent_run_log SET rlhf_scores = rlhf_scores || '{"scorer": "rubric"}' || jsonb_build_object(
            'version', CASE WHEN created_at > now() - interval '7 days' THEN '2' ELSE '1' END)
    """)
    assert keys(await cycle()) == []
    await db.execute('UPDATE agent_run_log SET rlhf_scores = rlhf_scores || \'{"version": "2"}\'')
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, action_summary, actions_taken)"
        " VALUES ('nova', 'did it', '{\"summary\": \"did it\"}')"
    )
    assert keys(await cycle()) == [("quality_drop", "nova")]


async def test_a_sudden_drop_opens_before_the_week_is_over(db: asyncpg.Connection) -> None:
    await score_history(db, "nova", lately=0.5, since=timedelta(days=3, hours=12))
    await score_history(db, "sage", lately=0.5, since=timedelta(days=1))
    [finding] = (await cycle()).opened
    assert (finding.rule, finding.agent_id, finding.evidence["days"]) == ("quality_drop", "nova", 3)
    assert finding.message.endswith(" on the same days of the four weeks before")


@pytest.mark.parametrize("minute", [0, 1, 30, 59])
async def test_a_fleet_is_read_in_turns(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, minute: int
) -> None:
    """At any minute of the hour: sums are kept by hours, and a day may lose or win one at its ends."""
    now = await db.fetchval("SELECT date_trunc('hour', now()) - interval '1 hour'") + minute * MINUTE
    for number in range(5):
        await score_history(db, f"agent-{number}", lately=0.4, until=now)
    monkeypatch.setattr(calibration, "MOST_TRENDS", 2)
    async with transaction() as session:
        seen = []
        for _ in range(3):
            trends = await read_trends(session, now)
            await keep_trends(session, trends)
            seen.append(trends.fallen.keys())
        assert [len(agents) for agents in seen] == [2, 4, 5]
        trend = (await read_trends(session, now)).fallen["agent-0"]
    assert sum(day.runs for day in trend.days) == 33 * 24 + 1
    assert all(abs(day.runs - 24) <= 1 for day in trend.days[:33])
    found = means(trend, 7)
    assert found
    assert found.now.mean == pytest.approx(0.4, abs=0.005)
    assert found.past.mean == pytest.approx(0.8, abs=0.005)


async def test_of_agents_whose_scores_did_not_fall_no_day_is_read(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await score_history(db, "nova", lately=0.5)
    await score_history(db, "sage", lately=0.79)
    read: list[set[str]] = []

    async def note(session: AsyncSession, now: datetime, agent_ids: set[str]) -> dict[str, QualityTrend]:
        read.append(agent_ids)
        return {}

    monkeypatch.setattr(quality, "_read_trends", note)
    async with transaction() as session:
        await read_trends(session, await database_now(session))
    assert read == [{"nova"}]


async def test_a_drop_that_another_process_found_is_not_over_here(db: asyncpg.Connection) -> None:
    """In this hour no drop was seen, and another process has found one since."""
    await score_history(db, "nova", lately=0.8)
    assert keys(await cycle()) == []
    # In the sums alone: nothing tells this process that the agent's past was changed.
    await db.execute(
        "UPDATE agent_rollup SET overall_sum = overall_sum / 2 WHERE bucket > now() - interval '7 days'"
    )
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message) VALUES ('quality_drop', 'nova', 'scored less')"
    )
    done = await cycle()
    assert (keys(done), done.closed) == ([("quality_drop", "nova")], [])


async def test_what_is_open_is_read_before_it_is_said_to_be_over(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no trend is kept, but a part of a large fleet is read at once."""
    drops = [("quality_drop", f"agent-{n}") for n in range(4)]
    for _, agent in drops:
        await score_history(db, agent, lately=0.4)
    assert keys(await cycle()) == drops
    await db.execute("DELETE FROM agent_trend")
    monkeypatch.setattr(calibration, "MOST_TRENDS", 1)
    for _ in range(2):
        done = await cycle()
        assert (keys(done), done.closed) == (drops, [])


async def test_scores_that_no_float_holds_are_no_trend(db: asyncpg.Connection) -> None:
    await score_history(db, "nova", lately=0.8)
    huge = "1" + "0" * 400
    await db.execute(f"UPDATE agent_run_log SET rlhf_scores = '{{\"overall\": {huge}}}'")  # noqa: S608
    assert keys(await cycle()) == []


def made(ago: timedelta) -> UUID:
    """An id as the writer makes them, that long ago."""
    millis = int((datetime.now(UTC) - ago).timestamp() * 1000)
    return UUID(int=new_run_id().int & (1 << 80) - 1 | millis << 80)


async def report(db: asyncpg.Connection, run_id: UUID, ago: timedelta) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (id, agent_id, action_summary, actions_taken, run_at, created_at)"
        " SELECT $1, 'sage', 'did it', '{\"summary\": \"did it\"}',"
        " now() - $2::interval, now() - $2::interval",
        run_id,
        ago,
    )


async def test_runs_without_a_score_are_found_until_they_have_one(db: asyncpg.Connection) -> None:
    for ago in (30 * MINUTE, 61 * MINUTE, 2 * HOUR):
        await report(db, made(ago), ago)
    opened = await cycle()
    assert keys(opened) == [("stuck_scoring", "sage")]
    assert opened.open[0].message.startswith("2 runs of sage still wait for a score, the oldest since ")
    await db.execute("UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.5}'")
    closed = await cycle()
    assert closed.open == []
    assert closed.closed[0].closing_evidence == {"reason": "no run of it waits for a score any more"}


async def test_of_many_that_wait_the_oldest_is_told(db: asyncpg.Connection) -> None:
    for minutes in range(120, 180):
        await report(db, made(minutes * MINUTE), minutes * MINUTE)
    oldest = await db.fetchval("SELECT min(created_at) FROM agent_run_log")
    [finding] = (await cycle()).open
    assert finding.message.startswith("at least 50 runs of sage still wait for a score, the oldest since ")
    assert finding.evidence["first_run"]["created_at"] == oldest.isoformat()


async def test_a_history_that_was_just_brought_in_waits_for_nothing(db: asyncpg.Connection) -> None:
    for run_id in (uuid4(), new_run_id(), made(5 * MINUTE)):
        await report(db, run_id, 3 * HOUR)
    assert keys(await cycle()) == []


def test_the_ids_of_this_test_are_the_writers() -> None:
    at = made_at(made(HOUR))
    assert at
    assert datetime.now(UTC) - at - HOUR < MINUTE
