"""The Auditor against a real log: what opens, what persists, what closes, and what stays quiet."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Engine, event

from app.agents.registry import known_ids
from app.agents.status import agent_statuses
from app.audit.cycle import AuditCycle, lock_audit
from app.audit.findings import list_findings
from app.audit.heartbeat import cycle_age, cycled_within
from app.config import get_settings
from app.dashboard.gauges import fleet_gauges
from app.db.session import transaction
from app.models import AuditFinding
from app.services.agent_run_log_service import write_run_log
from app.wiring import audit_settings
from support.alerting import audit_and_announce
from support.auditing import record_cycles
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_HOURLY = 24 * 10
"""Ten days of hourly runs: a weekend is among them, whatever the day."""


async def log_runs(
    db: asyncpg.Connection,
    agent: str,
    *,
    ago: timedelta,
    every: timedelta = HOUR,
    count: int = 1,
    status: str = "success",
    silent: bool = False,
) -> None:
    """`count` runs, the newest `ago` before the database's now, the others `every` before the next."""
    await db.execute(
        """
        INSERT INTO agent_run_log
            (agent_id, status, consecutive_silence_count, run_at, created_at, action_summary, actions_taken)
        SELECT $1, $2, CASE WHEN $3 THEN $6 - i ELSE 0 END, at, at, CASE WHEN NOT $3 THEN 'did it' END,
            CASE WHEN NOT $3 THEN '{"summary": "did it"}'::jsonb END
        FROM generate_series(0, $6 - 1) i,
            LATERAL (SELECT clock_timestamp() - $4::interval - i * $5::interval AS at) t
        """,
        agent,
        status,
        silent,
        ago,
        every,
        count,
    )


async def declare(db: asyncpg.Connection, agent: str, **columns: Any) -> None:
    await db.execute(
        """
        INSERT INTO agent (agent_id, schedule, timezone, grace_seconds, paused) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (agent_id) DO UPDATE SET schedule = $2, timezone = $3, grace_seconds = $4, paused = $5
        """,
        agent,
        columns.get("schedule"),
        columns.get("timezone", "UTC"),
        columns.get("grace_seconds"),
        columns.get("paused", False),
    )


async def cycle() -> AuditCycle:
    async with transaction() as session:
        return await audit_and_announce(session)


def keys(found: list[AuditFinding]) -> list[tuple[str, str]]:
    return sorted((finding.rule, finding.agent_id) for finding in found)


async def test_an_empty_log_has_no_findings(database: str) -> None:
    done = await cycle()
    assert (done.agents, done.open, done.closed, done.errors) == (0, [], [], [])


async def test_failures_open_grow_and_close_with_proof(db: asyncpg.Connection) -> None:
    await write_run_log("nova", {"summary": "scanned"})
    for attempt in range(3):
        await write_run_log("nova", {"summary": f"aborted {attempt}"}, "failed")
    opened = await cycle()
    assert keys(opened.opened) == [("consecutive_failures", "nova")]
    assert "failed 3 times in a row" in opened.opened[0].message
    assert "aborted 2" in opened.opened[0].message

    await write_run_log("nova", {"summary": "aborted 3"}, "failed")
    grown = await cycle()
    assert (grown.opened, grown.closed) == ([], [])
    assert keys(grown.still_open) == [("consecutive_failures", "nova")]
    assert "failed 4 times in a row" in grown.still_open[0].message
    assert grown.still_open[0].evidence["count"] == 4
    assert grown.still_open[0].opened_at == opened.at

    await write_run_log("nova", {"summary": "scanned some"}, "partial")
    assert keys((await cycle()).still_open) == [("consecutive_failures", "nova")]
    recovering = await write_run_log("nova", {"summary": "scanned again"})
    closed = await cycle()
    assert closed.open == []
    [finding] = closed.closed
    assert finding.closed_at == closed.at
    assert finding.closing_evidence
    assert finding.closing_evidence["run"]["id"] == str(recovering)
    assert finding.closing_evidence["reason"].startswith("nova succeeded at ")
    assert finding.evidence["count"] == 4

    assert (await cycle()).closed == []
    assert await db.fetchval("SELECT count(*) FROM audit_finding") == 1


async def test_a_finding_that_does_not_change_is_not_written_again(db: asyncpg.Connection) -> None:
    await log_runs(db, "nova", ago=MINUTE, count=5, status="failed")
    await cycle()
    before = await db.fetchval("SELECT xmin::text FROM audit_finding")
    await cycle()
    assert await db.fetchval("SELECT xmin::text FROM audit_finding") == before


async def test_the_same_trouble_later_is_another_incident(db: asyncpg.Connection) -> None:
    for _ in range(2):
        for _ in range(3):
            await write_run_log("nova", status="failed")
        assert ("consecutive_failures", "nova") in keys((await cycle()).opened)
        await write_run_log("nova", {"summary": "fine"})
        assert ("consecutive_failures", "nova") in keys((await cycle()).closed)
    rows = await db.fetchval("SELECT count(*) FROM audit_finding WHERE rule = 'consecutive_failures'")
    assert rows == 2


async def test_silent_runs_and_a_declared_no_op(database: str) -> None:
    for actions in ({}, {"summary": "NO_REPLY"}, {"items": []}):
        await write_run_log("sage", actions)
        await write_run_log("luma", {"no_op": True, "reason": "nothing in the inbox"})
    assert keys((await cycle()).opened) == [("silent_runs", "sage")]
    await write_run_log("sage", {"no_op": True, "reason": "nothing in the inbox"})
    assert keys((await cycle()).closed) == [("silent_runs", "sage")]


async def test_silence_is_judged_by_what_agents_wrote_and_by_their_habit(db: asyncpg.Connection) -> None:
    """Also of runs that other programs stored, and of an agent that never has anything to say."""
    quiet = {"summary": "**HEARTBEAT_OK**", "durationMs": 812, "model": "m-1", "delivered": False}
    for number in range(5):
        await write_run_log("backup", {"summary": f"Backed up 3 drives, {400 + number} GB"})
    for _ in range(2):
        await write_run_log("backup", quiet)
    for _ in range(100):
        await write_run_log("heartbeat", quiet)
    assert (await cycle()).opened == []
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, status, action_summary, actions_taken)"
        " VALUES ('backup', 'success', $1, $2)",
        quiet["summary"],
        json.dumps(quiet),
    )
    [finding] = (await cycle()).opened
    assert (finding.rule, finding.agent_id) == ("silent_runs", "backup")
    assert "reported nothing meaningful 3 times in a row" in finding.message
    await write_run_log("backup", {"summary": "Backed up 3 drives, 410 GB"})
    assert keys((await cycle()).closed) == [("silent_runs", "backup")]


@pytest.mark.parametrize(
    "quiet", [{"summary": "[SILENT]", "ts": 5}, {"summary": "", "usage": {"tokens": 1}}, {"durationMs": 812}]
)
async def test_runs_that_a_narrower_rule_did_not_count_are_silent_all_the_same(
    db: asyncpg.Connection, quiet: dict[str, Any]
) -> None:
    """Rows of an earlier version have the count 0, here those of an agent that is well in all else."""
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, run_at, created_at, action_summary, actions_taken)
        SELECT agent_id, at, at, actions ->> 'summary', actions
        FROM unnest(ARRAY['busy', 'backup']) AS agent_id, generate_series(0, 59) AS n,
            LATERAL (SELECT now() - n * interval '1 hour' - interval '1 minute') AS times (at),
            LATERAL (SELECT CASE WHEN agent_id = 'backup' AND n < 3 THEN $1::jsonb ELSE $2::jsonb END)
                AS reported (actions)
        """,
        json.dumps(quiet),
        json.dumps({"rows": 5, "durationMs": 812}),
    )
    await db.execute("UPDATE agent_run_log SET consecutive_silence_count = 0")
    [finding] = (await cycle()).opened
    assert (finding.rule, finding.agent_id) == ("silent_runs", "backup")
    assert "reported nothing meaningful 3 times in a row" in finding.message


async def test_a_learned_cadence_is_missed_and_found_again(db: asyncpg.Connection) -> None:
    await log_runs(db, "atlas", ago=3 * HOUR, count=LONG_HOURLY)
    await log_runs(db, "lyra", ago=HOUR, count=LONG_HOURLY)
    opened = await cycle()
    assert keys(opened.opened) == [("stopped_reporting", "atlas")]
    assert opened.agents == 2
    await write_run_log("atlas", {"summary": "back"})
    closed = await cycle()
    assert keys(closed.closed) == [("stopped_reporting", "atlas")]
    assert closed.closed[0].closing_evidence
    assert closed.closed[0].closing_evidence["run"]["summary"] == "back"


async def test_a_declared_schedule_needs_no_history(db: asyncpg.Connection) -> None:
    await log_runs(db, "atlas", ago=2 * HOUR)
    await log_runs(db, "lyra", ago=2 * HOUR)
    assert (await cycle()).opened == []
    await declare(db, "atlas", schedule="every 15m", grace_seconds=60)
    await declare(db, "lyra", schedule="every 1d")
    await declare(db, "helios", schedule="every 15m")
    done = await cycle()
    assert keys(done.opened) == [("stopped_reporting", "atlas")]
    assert done.agents == 3


async def test_a_pause_closes_and_a_schedule_may_end_what_was_learned(db: asyncpg.Connection) -> None:
    await log_runs(db, "atlas", ago=3 * HOUR, count=LONG_HOURLY)
    await log_runs(db, "nova", ago=MINUTE, count=3, status="failed")
    assert len((await cycle()).opened) == 2
    await declare(db, "nova", paused=True)
    await declare(db, "atlas", schedule="every 1d")
    done = await cycle()
    reasons = {finding.agent_id: finding.closing_evidence for finding in done.closed}
    assert reasons["nova"] == {"reason": "nova is paused"}
    assert reasons["atlas"] == {"reason": "it no longer holds by the present schedule and thresholds"}
    assert done.agents == 1


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param([{"ago": 90 * DAY, "count": 4, "every": DAY}], id="a few runs long ago"),
        pytest.param([{"ago": 5 * HOUR, "count": 40, "every": timedelta(seconds=9)}], id="one burst"),
        pytest.param([{"ago": -2 * HOUR, "count": 20}], id="from the future"),
        pytest.param(
            [{"ago": 15 * HOUR, "count": 60, "every": MINUTE}, {"ago": 2 * DAY, "count": 20, "every": DAY}],
            id="a burst of manual runs of a daily agent",
        ),
        pytest.param(
            [{"ago": 14 * HOUR, "count": 60, "every": 10 * MINUTE}, {"ago": 3 * DAY, "count": 20}],
            id="a gap as long as this one was normal last week",
        ),
    ],
)
async def test_no_false_alarm(db: asyncpg.Connection, seeds: list[dict[str, Any]]) -> None:
    for seed in seeds:
        await log_runs(db, "scout", **seed)
    assert (await cycle()).opened == []


async def test_an_outage_of_our_own_is_no_agents_stop(db: asyncpg.Connection) -> None:
    await record_cycles(db, ago=8 * HOUR, every=5 * MINUTE, count=300)
    await log_runs(db, "atlas", ago=8 * HOUR - MINUTE, count=LONG_HOURLY)
    await log_runs(db, "lyra", ago=9 * HOUR - MINUTE)
    await declare(db, "lyra", schedule="0 * * * *")
    assert (await cycle()).opened == []


async def test_a_stop_while_others_report_is_one(db: asyncpg.Connection) -> None:
    await record_cycles(db, ago=8 * HOUR, every=5 * MINUTE, count=300)
    await log_runs(db, "atlas", ago=8 * HOUR - MINUTE, count=LONG_HOURLY)
    await log_runs(db, "lyra", ago=timedelta(0), every=10 * MINUTE, count=300)
    assert keys((await cycle()).opened) == [("stopped_reporting", "atlas")]


async def test_the_auditor_does_not_judge_itself(db: asyncpg.Connection) -> None:
    await log_runs(db, "auditor", ago=3 * HOUR, count=LONG_HOURLY, status="failed", silent=True)
    done = await cycle()
    assert (done.agents, done.opened) == (0, [])


async def test_a_bad_schedule_is_a_finding_and_the_habit_is_judged(db: asyncpg.Connection) -> None:
    await log_runs(db, "atlas", ago=3 * HOUR, count=LONG_HOURLY)
    await log_runs(db, "nova", ago=3 * HOUR, count=3, status="failed")
    await declare(db, "atlas", schedule="every 1h")
    assert keys((await cycle()).opened) == [("consecutive_failures", "nova"), ("stopped_reporting", "atlas")]
    await declare(db, "atlas", schedule="0 0 31 2 *")
    done = await cycle()
    assert keys(done.opened) == [("bad_schedule", "atlas")]
    assert "never comes" in done.opened[0].message
    assert (done.closed, done.errors, len(done.still_open)) == ([], [], 2)
    await declare(db, "atlas", schedule="0 * * * *")
    assert keys((await cycle()).closed) == [("bad_schedule", "atlas")]


async def test_a_crash_is_visible_and_hits_its_agent_alone(db: asyncpg.Connection) -> None:
    await log_runs(db, "nova", ago=3 * HOUR, count=3, status="failed")
    assert len((await cycle()).opened) == 1
    await db.execute("INSERT INTO agent (agent_id, created_at) VALUES ('atlas', '9999-12-31')")
    await log_runs(db, "sage", ago=3 * HOUR, count=3, status="failed")
    done = await cycle()
    assert [(error.rule, error.agent_id) for error in done.errors] == [("never_reported", "atlas")]
    assert "out of range" in done.errors[0].error
    assert keys(done.opened) == [("consecutive_failures", "sage"), ("not_judged", "atlas")]
    assert done.closed == []
    assert len(done.still_open) == 1


async def test_a_failure_rate_outlasts_a_success(db: asyncpg.Connection) -> None:
    for i in range(24):
        await write_run_log("nova", {"summary": "scan"}, "success" if i % 4 > 1 else "failed")
    assert (await cycle()).opened == []
    await write_run_log("nova", {"summary": "scan"}, "failed")
    assert keys((await cycle()).opened) == [("failure_rate", "nova")]
    for _ in range(5):
        await write_run_log("nova", {"summary": "scan"})
        assert keys((await cycle()).still_open) == [("failure_rate", "nova")]
    for _ in range(4):
        await write_run_log("nova", {"summary": "scan"})
    assert keys((await cycle()).closed) == [("failure_rate", "nova")]


async def test_an_agent_that_never_reported_is_found_until_it_does(db: asyncpg.Connection) -> None:
    await declare(db, "atlas", schedule="every 1h")
    await db.execute("UPDATE agent SET created_at = now() - interval '3 hours'")
    opened = await cycle()
    assert keys(opened.opened) == [("never_reported", "atlas")]
    await write_run_log("atlas", {"summary": "here I am"})
    [finding] = (await cycle()).closed
    assert finding.closing_evidence
    assert finding.closing_evidence["reason"].startswith("atlas reported for the first time at ")


async def test_a_cycle_reads_the_agents_of_which_something_changed(db: asyncpg.Connection) -> None:
    await declare(db, "atlas", schedule="every 15m")
    for agent in ("atlas", "nova", "sage"):
        await log_runs(db, agent, ago=MINUTE, every=10 * MINUTE, count=10)
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.8}'")
    read: list[list[str]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "uncounted" in statement:
            read.append(sorted(max((each for each in parameters if isinstance(each, list)), key=len)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for change in (
            None,
            None,
            "INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('nova', '{\"overall\": 0.8}')",
            "UPDATE agent SET grace_seconds = 60",
            "UPDATE agent_run_log SET actions_taken = '{\"n\": 1}' WHERE agent_id = 'sage'",
            "UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.7}'",
        ):
            if change:
                await db.execute(change)
            assert (await cycle()).open == []
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert read == [["atlas", "nova", "sage"], ["nova"], ["atlas"], ["sage"]]


async def test_two_audits_at_once_open_once(db: asyncpg.Connection) -> None:
    for agent in ("nova", "sage", "atlas"):
        await log_runs(db, agent, ago=MINUTE, count=3, status="failed")
    first, second = await asyncio.gather(cycle(), cycle())
    assert len(first.opened) + len(second.opened) == 3
    assert await db.fetchval("SELECT count(*) FROM audit_finding") == 3
    for agent in ("nova", "sage", "atlas"):
        await write_run_log(agent, {"summary": "fine"})
    first, second = await asyncio.gather(cycle(), cycle())
    assert len(first.closed) + len(second.closed) == 3


async def test_nothing_is_committed_by_the_service(db: asyncpg.Connection) -> None:
    await log_runs(db, "nova", ago=MINUTE, count=3, status="failed")
    async with transaction() as session:
        assert (await audit_and_announce(session)).opened
        await session.rollback()
    assert await db.fetchval("SELECT count(*) FROM audit_finding") == 0


async def test_the_lock_is_held_by_one_transaction(database: str) -> None:
    async with transaction() as first, transaction() as second:
        assert await lock_audit(first)
        assert not await lock_audit(second)
    async with transaction() as third:
        assert await lock_audit(third)


async def test_a_cycle_in_the_future_is_no_recent_one(db: asyncpg.Connection) -> None:
    await record_cycles(db, ago=-HOUR)
    async with transaction() as session:
        assert not await cycled_within(session, 2 * HOUR)
    await record_cycles(db, ago=MINUTE)
    async with transaction() as session:
        assert await cycled_within(session, 2 * MINUTE)
        assert not await cycled_within(session, MINUTE / 2)


async def test_runs_that_are_reported_as_the_auditor_fake_no_heartbeat(db: asyncpg.Connection) -> None:
    """Neither do they end the Auditor's silence nor do they put off its next cycle."""
    await record_cycles(db, ago=8 * HOUR, every=5 * MINUTE, count=300)
    await log_runs(db, "auditor", ago=timedelta(0), every=MINUTE, count=480)
    await log_runs(db, "atlas", ago=8 * HOUR - MINUTE, count=LONG_HOURLY)
    async with transaction() as session:
        assert not await cycled_within(session, HOUR)
        assert await cycle_age(session) == pytest.approx(8 * 3600, abs=600)
    assert (await cycle()).opened == []


async def test_findings_newest_first(db: asyncpg.Connection) -> None:
    await log_runs(db, "nova", ago=MINUTE, count=3, status="failed")
    await cycle()
    await log_runs(db, "sage", ago=4 * HOUR, count=5)
    await log_runs(db, "sage", ago=MINUTE, count=3, silent=True)
    await write_run_log("nova", {"summary": "fine"})
    await cycle()
    async with transaction() as session:
        assert keys(await list_findings(session)) == [("silent_runs", "sage")]
        everything = await list_findings(session, state="all")
        assert [finding.agent_id for finding in everything] == ["sage", "nova"]
        assert len(await list_findings(session, state="all", limit=1)) == 1
    assert isinstance(everything[0].opened_at, datetime)


async def test_an_agent_that_was_renamed_is_named(db: asyncpg.Connection) -> None:
    await log_runs(db, "sage", ago=5 * HOUR, count=LONG_HOURLY)
    await log_runs(db, "sage-v2", ago=HOUR / 2, count=4)
    await log_runs(db, "sage-old", ago=HOUR / 2, count=LONG_HOURLY)
    [finding] = (await cycle()).opened
    assert (finding.rule, finding.agent_id) == ("stopped_reporting", "sage")
    assert finding.evidence["perhaps_renamed_to"] == "sage-v2"
    assert finding.message.endswith(": was it renamed?")
    assert (await cycle()).open[0].message == finding.message


async def test_nobody_was_renamed_to_the_auditor(db: asyncpg.Connection) -> None:
    await log_runs(db, "chief-auditor", ago=5 * HOUR, count=LONG_HOURLY)
    await log_runs(db, "auditor", ago=MINUTE, every=5 * MINUTE, count=12)
    [finding] = (await cycle()).opened
    assert (finding.rule, finding.agent_id) == ("stopped_reporting", "chief-auditor")
    assert "perhaps_renamed_to" not in finding.evidence


async def test_a_clock_that_was_set_back_an_hour_raises_nothing(db: asyncpg.Connection) -> None:
    """The newest runs are dated in the future then, for an hour; what they say counts still."""
    await log_runs(db, "atlas", ago=-50 * MINUTE, count=LONG_HOURLY)
    await log_runs(db, "lyra", ago=-55 * MINUTE, every=10 * MINUTE, count=LONG_HOURLY)
    await record_cycles(db, ago=-58 * MINUTE, every=5 * MINUTE, count=LONG_HOURLY)
    await log_runs(db, "nova", ago=-50 * MINUTE, every=5 * MINUTE, count=3, status="failed")
    assert keys((await cycle()).open) == [("consecutive_failures", "nova")]

    await write_run_log("nova", {"summary": "fixed it"})
    await write_run_log("atlas", {"summary": "reports by the new clock"})
    assert keys((await cycle()).open) == [("consecutive_failures", "nova")]
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET created_at = created_at - interval '1 hour'")
    await write_run_log("nova", {"summary": "fixed it"})
    assert keys((await cycle()).closed) == [("consecutive_failures", "nova")]


ODD_DATES = ("infinity", "-infinity", "4000-01-01 BC", "290000-01-01", "9999-12-31", "0001-01-01")


@pytest.mark.parametrize("schedule", [None, "*/5 * * * *", "every 1d"])
async def test_dates_that_cannot_be_reckoned_with_blind_nobody(
    db: asyncpg.Connection, schedule: str | None
) -> None:
    """A role that may write to the table may date its runs at the end of time, by accident or not."""
    await record_cycles(db, ago=MINUTE, every=5 * MINUTE, count=LONG_HOURLY)
    await log_runs(db, "sage", ago=30 * HOUR, count=LONG_HOURLY)
    await declare(db, "sage", schedule=schedule)
    await declare(db, "odd", schedule=schedule, timezone="Asia/Tokyo")
    for agent in ("sage", "odd"):
        for date in ODD_DATES:
            await db.execute(
                "INSERT INTO agent_run_log (agent_id, status, created_at)"
                " SELECT $1, 'failed', CAST($2::text AS timestamptz) FROM generate_series(1, 3)",
                agent,
                date,
            )
    done = await cycle()
    assert (keys(done.open), done.errors) == ([("stopped_reporting", "sage")], [])
    settings = audit_settings(get_settings())
    async with transaction() as session:
        states = {
            status.agent_id: status.state
            for status in await agent_statuses(session, settings, sorted(await known_ids(session)))
        }
        gauges = await fleet_gauges(session, [], None)
    assert states == {"odd": "new", "sage": "down"}
    assert gauges.oldest_queued_age == pytest.approx(269 * 3600, abs=600)


@pytest.mark.parametrize(
    ("rule", "agent", "evidence"),
    [
        ("fleet_silent", "auditor", {}),
        ("fleet_silent", "auditor", {"since": "yesterday"}),
        ("fleet_silent", "nova", {"since": "2026-11-11T00:00:00"}),
        ("consecutive_failures", "nova", {"last_run": {"created_at": "yesterday"}}),
        ("consecutive_failures", "nova", {"last_run": {"created_at": "2026-11-11T00:00:00"}}),
        ("stopped_reporting", "nova", {"last_run": "none"}),
        ("quiet_on_mondays", "nova", {"severity": 3}),
    ],
)
async def test_evidence_of_somebody_else_is_closed_as_well(
    db: asyncpg.Connection, rule: str, agent: str, evidence: dict[str, Any]
) -> None:
    await log_runs(db, "nova", ago=5 * MINUTE, count=LONG_HOURLY)
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, evidence) VALUES ($1, $2, 'so it is', $3)",
        rule,
        agent,
        json.dumps(evidence),
    )
    assert keys((await cycle()).closed) == [(rule, agent)]
    assert keys((await cycle()).open) == []


async def test_a_run_dated_years_ahead_is_not_the_newest(db: asyncpg.Connection) -> None:
    await log_runs(db, "sage", ago=-400 * DAY)
    await log_runs(db, "sage", ago=5 * HOUR, count=LONG_HOURLY)
    assert keys((await cycle()).open) == [("stopped_reporting", "sage")]
