"""What the live cycles find of a loss is what a backtest finds in the same history."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.audit import cycle as cycle_module
from app.audit.cycle import audit
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun
from app.config import get_settings
from app.db.session import transaction
from app.wiring import audit_settings

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = 15 * MINUTE
AGENTS, LOST, DAYS = 14, 12, 16
LOSS, RETURN, END = timedelta(0), 9 * HOUR, 11 * HOUR


def reports() -> list[tuple[str, timedelta]]:
    """When hourly agents report, seen from the loss of most of them, which lasts until they return."""
    return sorted(
        (
            (f"agent-{number:02}", hour * HOUR + (2 * number + 1) * MINUTE)
            for number in range(AGENTS)
            for hour in range(-24 * DAYS, 12)
            if number >= LOST or not LOSS <= hour * HOUR + (2 * number + 1) * MINUTE < RETURN
        ),
        key=lambda report: report[1],
    )


def of_backtest() -> list[tuple[str, str, timedelta, timedelta | None]]:
    begin = datetime(2026, 9, 1, tzinfo=UTC)
    history: dict[str, list[ReportedRun]] = {}
    for agent_id, at in reports():
        if at <= END:
            history.setdefault(agent_id, []).append(ReportedRun("", "success", begin + at, summary="did it"))
    found = judge(all_rules(failure_streak=3, silence_streak=3), history, {}).found
    return [
        (
            past.finding.rule,
            past.finding.agent_id,
            past.opened_at - begin,
            past.closed_at - begin if past.closed_at else None,
        )
        for past in found
    ]


async def insert(db: asyncpg.Connection, begin: datetime, since: timedelta | None, until: timedelta) -> None:
    """Bring in what was reported after `since` up to `until`."""
    new = [(name, begin + at) for name, at in reports() if at <= until and (since is None or at > since)]
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT name, 'did it', '{"summary": "did it"}', at, at
        FROM unnest($1::text[], $2::timestamptz[]) AS report (name, at)
        """,
        [name for name, _ in new],
        [at for _, at in new],
    )


async def record_cycles(db: asyncpg.Connection, first: datetime, last: datetime) -> None:
    """A cycle of the Auditor every five minutes."""
    every = (
        "INSERT INTO audit_cycle (ended_at) SELECT generate_series($1::timestamptz, $2, interval '5 minutes')"
    )
    await db.execute(every, first, last)


async def test_a_loss_is_found_live_as_in_a_backtest(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def auditors_clock(_: object) -> datetime:
        return begin + now

    monkeypatch.setattr(cycle_module, "database_now", auditors_clock)
    # The last cycle is of this moment.
    begin = await db.fetchval("SELECT clock_timestamp()") - END
    now = -STEP
    await insert(db, begin, None, now)
    await record_cycles(db, begin - DAYS * DAY, begin + now)
    opened: dict[tuple[str, str], timedelta] = {}
    live = []
    while now < END:
        await insert(db, begin, now, now + STEP)
        now += STEP
        async with transaction() as session:
            cycle = await audit(session, audit_settings(get_settings()))
        await record_cycles(db, begin + now - 2 * 5 * MINUTE, begin + now)
        opened |= {(finding.rule, finding.agent_id): now for finding in cycle.opened}
        live += [
            (finding.rule, finding.agent_id, opened[finding.rule, finding.agent_id], now)
            for finding in cycle.closed
        ]
    backtest = of_backtest()
    assert [row[:2] for row in live] == [row[:2] for row in backtest] == [("agents_missing", "agent-00")]
    for of_cycle, at_once in zip(live, backtest, strict=True):
        for seen, happened in zip(of_cycle[2:], at_once[2:], strict=True):
            assert happened is not None
            assert happened <= seen <= happened + 2 * STEP
