"""Live cycles find of runs that took far more what a backtest finds; of most agents nothing is read."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from app.audit import known_usage
from app.audit.cycle import audit
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.recorded_history import runs_since
from app.config import get_settings
from app.db.session import transaction
from app.kit.sql import database_now
from app.wiring import audit_settings
from support.auditing import record_cycles
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
INSERT = """
WITH given AS (
    SELECT now() - ago AS at, seconds, cost FROM unnest($2::interval[], $3::float8[], $4::float8[])
        AS given (ago, seconds, cost)
), run AS (
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, created_at, run_at)
    SELECT $1, 'did it', '{"summary": "did it"}', at, at FROM given
    RETURNING id, agent_id, created_at
)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, cost_usd)
SELECT id, agent_id, created_at, seconds, cost FROM run JOIN given ON at = created_at
WHERE seconds IS NOT NULL OR cost IS NOT NULL
"""


async def insert(
    db: asyncpg.Connection, agent_id: str, seconds: Sequence[float | None], *, every: timedelta = HOUR
) -> None:
    """Runs that took so long, the newest last and just now, and cost a thousandth of a dollar a second."""
    agos = [every * place for place in reversed(range(len(seconds)))]
    costs = [None if each is None else each / 1000 for each in seconds]
    await db.execute(INSERT, agent_id, agos, seconds, costs)


async def let_pass(db: asyncpg.Connection, span: timedelta) -> None:
    await db.execute(UNGUARD)
    for table, columns in {
        "agent_run_log": ("created_at", "run_at"),
        "agent_run_usage": ("created_at",),
        "audit_finding": ("opened_at", "closed_at", "began_at", "last_run_at"),
        "audit_cycle": ("ended_at",),
    }.items():
        changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
        await db.execute(f"UPDATE {table} SET {changes}", span)  # noqa: S608


async def cycle() -> tuple[list[str], list[str]]:
    """The rules of the findings that open and close now."""
    async with transaction() as session:
        done = await audit(session, audit_settings(get_settings()))
    assert done.errors == []
    return [each.rule for each in done.opened], [each.rule for each in done.closed]


USUAL = [60.0, 61.0, 62.0, 63.0, 64.0, 66.0, 70.0] * 6
STORY = [60.0, 61.0, 4000.0, 5000.0, 63.0, None, 62.0, 64.0, 3000.0, 61.0]


async def test_live_is_as_in_a_backtest(db: asyncpg.Connection) -> None:
    await insert(db, "nova", USUAL)
    await record_cycles(db, ago=timedelta(0), every=5 * MINUTE, count=12 * (len(USUAL) + 1))
    live: list[tuple[int, str]] = []
    for place, seconds in enumerate(STORY):
        await let_pass(db, HOUR)
        await insert(db, "nova", [seconds])
        await record_cycles(db, ago=timedelta(0), every=5 * MINUTE, count=12)
        opened, closed = await cycle()
        live += [(place, f"opened {rule}") for rule in opened] + [
            (place, f"closed {rule}") for rule in closed
        ]
    assert live == [(2, "opened unusual_usage"), (4, "closed unusual_usage")]
    assert live == await of_backtest()


async def of_backtest() -> list[tuple[int, str]]:
    """The same of the log as it is."""
    async with transaction() as session:
        since: datetime = await database_now(session) - 30 * 24 * HOUR
        runs = [run async for chunk in runs_since(session, since) for _, run in chunk]
    at = {run.created_at: place - len(USUAL) for place, run in enumerate(runs)}
    found = judge(all_rules(failure_streak=3, silence_streak=3), {"nova": runs}, {}).found
    events = []
    for past in found:
        events.append((at[past.opened_at], f"opened {past.finding.rule}"))
        if past.closed_at:
            events.append((at[past.closed_at], f"closed {past.finding.rule}"))
    return sorted(events)


async def test_a_run_among_others_between_two_cycles_is_found(db: asyncpg.Connection) -> None:
    await insert(db, "often", [*USUAL, 5000.0, 60.0, 61.0], every=MINUTE)
    opened, _ = await cycle()
    assert opened == ["unusual_usage"]
    async with transaction() as session:
        [finding] = (await audit(session, audit_settings(get_settings()))).still_open
    assert (
        "took 1 h 23 min, 79 times as long as usual (63 s, at most 70 s), and cost $5.00" in finding.message
    )


async def test_usage_is_read_of_agents_whose_newest_stands_out_alone(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await insert(db, "usual", USUAL)
    await insert(db, "over", [*USUAL, 5000.0, *USUAL])
    await insert(db, "twice", [*USUAL, 180.0])
    await insert(db, "dear", [*USUAL, 5000.0])
    await insert(db, "new", [60.0, 5000.0])
    await insert(db, "silent-about-it", [None] * 50)
    read: list[str] = []
    original = known_usage.known_usage

    async def noted(session: object, agent_ids: Sequence[str]) -> object:
        read.extend(agent_ids)
        return await original(session, agent_ids)  # type: ignore[arg-type]

    monkeypatch.setattr("app.audit.histories.known_usage", noted)
    opened, _ = await cycle()
    assert opened == ["unusual_usage"]
    assert sorted(read) == ["dear", "new"]
