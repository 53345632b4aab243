"""What the live cycles find of a loss is what a backtest finds in the same history."""

from collections.abc import Sequence
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
from app.models import AuditFinding
from app.wiring import audit_settings

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = 15 * MINUTE
LOST, DAYS = 12, 16
LOSS, RETURN, END = timedelta(0), 9 * HOUR, 11 * HOUR
CEASED, CEASES = "agent-12", -2 * HOUR

Report = tuple[str, timedelta]
Found = tuple[str, str, timedelta, timedelta | None]
"""The rule and agent of a finding, and when it was opened and closed."""


def reports(agents: int, ceased: str | None) -> list[Report]:
    """When hourly agents report, seen from the loss of some of them, which lasts until they return.

    The one that has `ceased` did so before, for good.
    """
    hours = range(-24 * DAYS, 12)
    found = [(f"agent-{n:02}", hour * HOUR + (2 * n + 1) * MINUTE) for n in range(agents) for hour in hours]
    lost = {f"agent-{n:02}" for n in range(LOST)}
    return sorted(
        (
            (agent_id, at)
            for agent_id, at in found
            if not (agent_id in lost and LOSS <= at < RETURN) and not (agent_id == ceased and at >= CEASES)
        ),
        key=lambda report: report[1],
    )


def of_backtest(reports: Sequence[Report]) -> list[Found]:
    begin = datetime(2026, 9, 1, tzinfo=UTC)
    history: dict[str, list[ReportedRun]] = {}
    for agent_id, at in reports:
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


async def insert(db: asyncpg.Connection, begin: datetime, reports: Sequence[Report]) -> None:
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, run_at, created_at)
        SELECT name, 'did it', '{"summary": "did it"}', at, at
        FROM unnest($1::text[], $2::timestamptz[]) AS report (name, at)
        """,
        [name for name, _ in reports],
        [begin + at for _, at in reports],
    )


async def record_cycles(db: asyncpg.Connection, first: datetime, last: datetime) -> None:
    """A cycle of the Auditor every five minutes."""
    every = (
        "INSERT INTO audit_cycle (ended_at) SELECT generate_series($1::timestamptz, $2, interval '5 minutes')"
    )
    await db.execute(every, first, last)


@pytest.mark.parametrize(
    ("agents", "ceased", "expected"),
    [
        (14, None, [("agents_missing", "agent-00")]),
        # It is among the missing too, and its own finding stays open when the others are back.
        (20, CEASED, [("agents_missing", CEASED), ("stopped_reporting", CEASED)]),
    ],
)
async def test_a_loss_is_found_live_as_in_a_backtest(
    db: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    agents: int,
    ceased: str | None,
    expected: list[tuple[str, str]],
) -> None:
    async def auditors_clock(_: object) -> datetime:
        return begin + now

    monkeypatch.setattr(cycle_module, "database_now", auditors_clock)
    # The last cycle is of this moment.
    begin = await db.fetchval("SELECT clock_timestamp()") - END
    now = CEASES - STEP
    all_reports = reports(agents, ceased)
    await insert(db, begin, [report for report in all_reports if report[1] <= now])
    await record_cycles(db, begin - DAYS * DAY, begin + now)
    opened: dict[tuple[str, str], timedelta] = {}
    live: list[Found] = []
    still_open: list[AuditFinding] = []
    while now < END:
        await insert(db, begin, [report for report in all_reports if now < report[1] <= now + STEP])
        now += STEP
        async with transaction() as session:
            cycle = await audit(session, audit_settings(get_settings()))
        await record_cycles(db, begin + now - 2 * 5 * MINUTE, begin + now)
        opened |= {(finding.rule, finding.agent_id): now for finding in cycle.opened}
        live += [
            (finding.rule, finding.agent_id, opened[finding.rule, finding.agent_id], now)
            for finding in cycle.closed
        ]
        still_open = cycle.still_open
    live += [(each.rule, each.agent_id, opened[each.rule, each.agent_id], None) for each in still_open]
    backtest = of_backtest(all_reports)
    assert [row[:2] for row in sorted(live)] == [row[:2] for row in sorted(backtest)] == expected
    for of_cycle, at_once in zip(sorted(live), sorted(backtest), strict=True):
        for seen, happened in zip(of_cycle[2:], at_once[2:], strict=True):
            assert (seen is None) == (happened is None)
            assert seen is None or happened is None or happened <= seen <= happened + 2 * STEP
