"""When hardly any agent reports, the way to the log is broken: reported once, and no agent is blamed."""

from collections import Counter
from datetime import timedelta

import asyncpg
import pytest

from app.agents.registry import known_ids
from app.agents.status import agent_statuses
from app.audit.cycle import AuditCycle
from app.config import get_settings
from app.db.session import transaction
from app.wiring import audit_settings
from support.alerting import audit_and_announce
from support.auditing import record_cycles
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

AGENTS = 20
MINUTE = timedelta(minutes=1)


async def log_fleet(db: asyncpg.Connection, *, quiet: timedelta, agents: int = AGENTS) -> None:
    """Fifteen days of agents that report every 20 minutes, up to `quiet` ago; the Auditor went on."""
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT 'agent-' || agent, 'did it', '{"summary": "did it"}', at, at
        FROM generate_series(1, $2) AS agent, generate_series(0, 15 * 72) AS n,
            LATERAL (SELECT now() - $1::interval - (n * 1200 + agent * 9) * interval '1 second' AS at) AS t
        """,
        quiet,
        agents,
    )
    await record_cycles(db, ago=timedelta(0), every=5 * MINUTE, count=12 * 24 * 15)


async def report(db: asyncpg.Connection, agents: range) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, action_summary, actions_taken)"
        " SELECT 'agent-' || n, 'did it', '{\"summary\": \"did it\"}'"
        " FROM unnest($1::int[]) AS n",
        list(agents),
    )


async def cycle() -> AuditCycle:
    async with transaction() as session:
        return await audit_and_announce(session)


def rules(cycle: AuditCycle) -> Counter[str]:
    return Counter(finding.rule for finding in cycle.open)


async def states() -> Counter[str]:
    settings = audit_settings(get_settings())
    async with transaction() as session:
        return Counter(
            status.state
            for status in await agent_statuses(session, settings, sorted(await known_ids(session)))
        )


async def test_nobody_is_blamed_while_nobody_can_report(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    opened = await cycle()
    assert rules(opened) == {"fleet_silent": 1}
    assert opened.opened[0].message.startswith("Hardly any agent has reported since ")
    assert await states() == {"unknown": AGENTS}
    assert rules(await cycle()) == {"fleet_silent": 1}

    await report(db, range(1, 16))
    over = await cycle()
    assert rules(over) == {}
    assert over.closed[0].closing_evidence == {"reason": "agents report as usual again"}
    assert await states() == {"unknown": 5, "up": 15}

    # An hour later, those that did not come back have stopped.
    await db.execute("UPDATE audit_finding SET closed_at = closed_at - interval '1 hour'")
    found = await cycle()
    assert rules(found) == {"agents_missing": 1}
    assert found.opened[0].message.startswith("5 agents stopped reporting at about ")
    assert await states() == {"down": 5, "up": 15}


async def test_on_the_next_day_it_says_on_which_it_began(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    [opened] = (await cycle()).opened
    await db.execute("""
        UPDATE audit_finding SET opened_at = opened_at - interval '1 day', began_at = '2026-11-02T23:15:00Z'
    """)
    [still] = (await cycle()).open
    assert still.id == opened.id
    assert "has reported since 2026-11-02 23:15 UTC, though" in still.message
    assert still.evidence["since"] == "2026-11-02T23:15:00+00:00"


async def test_it_is_not_over_at_an_hour_at_which_nobody_reports(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    assert rules(await cycle()) == {"fleet_silent": 1}
    # Three hours later, and no agent ever reported at this time in the weeks before.
    await db.execute(UNGUARD)
    await db.execute("""
        UPDATE agent_run_log SET created_at = created_at - interval '3 hours'
    """)
    await db.execute("""
        UPDATE audit_finding
        SET opened_at = opened_at - interval '3 hours', began_at = began_at - interval '3 hours'
    """)
    await db.execute("""
        DELETE FROM agent_run_log
        WHERE created_at BETWEEN now() - interval '7 days 4 hours' AND now() - interval '7 days'
    """)
    assert rules(await cycle()) == {"fleet_silent": 1}
    await report(db, range(1, 16))
    assert rules(await cycle()) == {}


async def test_some_that_stop_together_are_named_together(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT 'agent-' || agent, 'did it', '{"summary": "did it"}', at, at
        FROM generate_series(1, 12) AS agent,
            generate_series(0, 6) AS n, LATERAL (SELECT now() - n * interval '10 minutes' AS at) AS t
    """)
    [finding] = (await cycle()).opened
    assert finding.rule == "agents_missing"
    assert finding.evidence["agents"] == sorted(f"agent-{n}" for n in range(13, 21))
    assert await states() == {"down": 8, "up": 12}


async def test_it_is_noted_when_one_of_them_was_back(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    await report(db, range(1, 13))
    assert rules(await cycle()) == {"agents_missing": 1}
    await report(db, range(13, 14))
    reported_at = await db.fetchval("SELECT max(created_at) FROM agent_run_log WHERE agent_id = 'agent-13'")
    for _ in range(2):
        [finding] = (await cycle()).open
        assert finding.evidence["returned"] == {"agent-13": reported_at.isoformat()}
        assert "1 of 8 are back" in finding.message


async def test_those_that_are_paused_are_not_missed(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE)
    await db.execute(
        "INSERT INTO agent (agent_id, paused) SELECT 'agent-' || n, true FROM generate_series(5, 20) n"
    )
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT 'agent-' || agent, 'did it', '{"summary": "did it"}', at, at
        FROM generate_series(1, 3) AS agent,
            generate_series(0, 6) AS n, LATERAL (SELECT now() - n * interval '10 minutes' AS at) AS t
    """)
    assert rules(await cycle()) == {"stopped_reporting": 1}


async def test_a_few_agents_are_no_fleet(db: asyncpg.Connection) -> None:
    await log_fleet(db, quiet=75 * MINUTE, agents=4)
    assert rules(await cycle()) == {"stopped_reporting": 4}


async def test_where_some_go_on_for_hours_the_others_are_named(db: asyncpg.Connection) -> None:
    """After an upgrade all but three are gone: no agent is blamed, but after two hours the missing are."""
    await log_fleet(db, quiet=75 * MINUTE)
    assert rules(await cycle()) == {"fleet_silent": 1}
    await db.execute(UNGUARD)
    await db.execute("""
        UPDATE agent_run_log SET created_at = created_at - interval '2 hours';
        UPDATE audit_finding
        SET opened_at = opened_at - interval '2 hours', began_at = began_at - interval '2 hours';
    """)
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT 'agent-' || agent, 'did it', '{"summary": "did it"}', at, at
        FROM generate_series(1, 3) AS agent,
            generate_series(0, 18) AS n, LATERAL (SELECT now() - n * interval '10 minutes' AS at) AS t
    """)
    found = await cycle()
    assert rules(found) == {"agents_missing": 1}
    assert len(found.opened[0].evidence["agents"]) == 17
    assert found.closed[0].closing_evidence
    assert found.closed[0].closing_evidence["reason"].startswith("some agents report as usual for hours")
    assert rules(await cycle()) == {"agents_missing": 1}
