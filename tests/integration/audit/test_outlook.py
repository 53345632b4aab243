"""What a cycle finds by what it knows of the agents is what it finds when it judges all of them anew."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest

from app.audit import calibration
from app.audit import cycle as cycle_module
from app.audit.cycle import AuditCycle, audit, judge_now
from app.config import get_settings
from app.db.session import transaction
from app.models import AuditFinding
from app.wiring import audit_settings
from support.derived import check_derived
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS, STEP = 20, 25 * MINUTE
AGENTS = 36
STOPPING = {"agent-06", "agent-18"}
"""Declared ones, of every five minutes; they have reported for the last time."""
FAILING = "agent-01"
"""One of every twenty minutes; it does nothing but fail as the days go by."""
SCORE = '{"overall": 0.75, "scorer": "rubric", "version": "2"}'


class Fleet:
    """Agents of every kind whose days go by: `now` is the Auditor's clock, which lies in the past."""

    def __init__(self, db: asyncpg.Connection, now: datetime, seed: int) -> None:
        self.db, self.now = db, now
        self.random = Random(seed)
        self.next_run: dict[str, datetime] = {}
        self.ended: set[str] = set()

    async def begin(self) -> None:
        """Every agent's past, and what is declared of a third of them."""
        for number in range(AGENTS):
            agent, period = f"agent-{number:02}", self.period(number)
            moments = [self.now - self.random.random() * period]
            count = 60 if agent in STOPPING else self.random.choice((3, 30, 60))
            while len(moments) < count and moments[-1] > self.now - 30 * DAY:
                moments.append(moments[-1] - self.gap(number))
            for moment in reversed(moments):
                await self.report(agent, moment)
            self.next_run[agent] = moments[0] + self.gap(number)
            if number % 3 == 0:
                schedule = f"every {round(period.total_seconds())}s" if number % 12 else None
                await self.declare(agent, schedule=schedule)
        await self.declare("new", schedule="every 2h")
        await self.db.execute("UPDATE agent SET created_at = $1", self.now)

    def period(self, number: int) -> timedelta:
        return (5 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 8 * HOUR, DAY)[number % 6]

    def gap(self, number: int) -> timedelta:
        """Till the next run: of some agents nearly even, of others as it comes."""
        period = self.period(number)
        return period * (
            self.random.expovariate(1) + 0.01 if number % 5 == 0 else self.random.uniform(0.95, 1.1)
        )

    async def report(self, agent: str, at: datetime, *, scored: bool = True) -> None:
        number = int(agent.partition("-")[2])
        failures = 1.0 if agent == FAILING and self.ended else 0.3 if number % 7 == 0 else 0.02
        status = "failed" if self.random.random() < failures else "success"
        silent = self.random.random() < (0.4 if number % 11 == 0 else 0.02)
        summary = "NO_REPLY" if silent else f"did number {self.random.randrange(1000)}"
        seconds = 100 * self.random.uniform(1, 1.5) * ((self.random.random() < 0.02 and 20) or 1)
        run_id = await self.db.fetchval(
            "INSERT INTO agent_run_log (agent_id, status, action_summary, actions_taken, run_at, created_at,"
            " rlhf_scores) VALUES ($1, $2, $3::text, jsonb_build_object('summary', $3::text), $4, $4, $5)"
            " RETURNING id",
            *(agent, status, summary, at, SCORE if scored else None),
        )
        if scored:
            await self.take(run_id, seconds)

    async def take(self, run_id: Any, seconds: float) -> None:
        await self.db.execute(
            "INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds)"
            " SELECT id, agent_id, created_at, $2 FROM agent_run_log WHERE id = $1",
            *(run_id, seconds),
        )

    async def declare(self, agent: str, **columns: Any) -> None:
        names = ", ".join(columns)
        values = ", ".join(f"${place}" for place in range(2, 2 + len(columns)))
        await self.db.execute(
            f"INSERT INTO agent (agent_id, {names}) VALUES ($1, {values})"  # noqa: S608
            f" ON CONFLICT (agent_id) DO UPDATE SET ({names}) = ROW({values})",
            *(agent, *columns.values()),
        )

    async def pass_on(self) -> None:
        """Let a step go by, with all that happens to agents in it."""
        self.now += STEP
        self.ended |= STOPPING
        await self.db.execute("INSERT INTO audit_cycle (ended_at) VALUES ($1)", self.now - MINUTE)
        for agent, moment in list(self.next_run.items()):
            number = int(agent.partition("-")[2])
            while agent not in self.ended and self.next_run[agent] <= self.now:
                await self.report(agent, self.next_run[agent], scored=self.random.random() < 0.8)
                self.next_run[agent] += self.gap(number)
            if self.random.random() < 0.01 and agent not in {*STOPPING, FAILING}:
                self.ended ^= {agent}
                self.next_run[agent] = max(moment, self.now)
        await self.score_some()
        for happens in self.random.sample(self.incidents, 2):
            await happens(f"agent-{self.random.randrange(AGENTS):02}")

    async def score_some(self) -> None:
        """Half of the runs that wait get their scores, and with them what they took."""
        rows = await self.db.fetch(
            "UPDATE agent_run_log SET rlhf_scores = $1 WHERE rlhf_scores IS NULL AND random() < 0.5"
            " RETURNING id",
            SCORE,
        )
        for row in rows:
            await self.take(row["id"], self.random.choice((100, 120, 5_000)))

    @property
    def incidents(self) -> list[Callable[[str], Any]]:
        return [self.pause, self.resume, self.start, self.end_starts, self.rewrite, self.remove, self.fall]

    async def pause(self, agent: str) -> None:
        until = self.now + self.random.uniform(0.5, 4) * HOUR
        await self.declare(agent, paused_until=until, paused=False)

    async def resume(self, agent: str) -> None:
        await self.declare(agent, paused=False, paused_until=None, resumed_at=self.now)

    async def start(self, agent: str) -> None:
        await self.db.execute(
            "INSERT INTO agent_run_start VALUES ($1, 'key', $2, $2) ON CONFLICT DO NOTHING", agent, self.now
        )

    async def end_starts(self, agent: str) -> None:
        await self.db.execute("DELETE FROM agent_run_start WHERE agent_id > $1", agent)

    async def rewrite(self, agent: str) -> None:
        """What the newest run says is written again, as a merge does, and nothing else of it."""
        await self.db.execute(
            "UPDATE agent_run_log SET action_summary = NULL, actions_taken = '{}' WHERE id IN"
            " (SELECT id FROM agent_run_log WHERE agent_id = $1 ORDER BY created_at DESC LIMIT 1)",
            agent,
        )

    async def remove(self, agent: str) -> None:
        await self.db.execute("DELETE FROM agent WHERE agent_id = $1", agent)

    async def fall(self, agent: str) -> None:
        await self.db.execute(
            "UPDATE agent_run_log SET status = 'failed' WHERE id IN"
            " (SELECT id FROM agent_run_log WHERE agent_id = $1 ORDER BY created_at DESC LIMIT 3)",
            agent,
        )


def shown(findings: list[AuditFinding]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (each.rule, each.agent_id): (
            each.severity,
            each.message,
            each.evidence,
            each.last_run_at,
            each.began_at,
        )
        for each in findings
    }


def keys(findings: list[AuditFinding]) -> list[tuple[str, str]]:
    return sorted((finding.rule, finding.agent_id) for finding in findings)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the Auditor's clock."""
    moments: list[datetime] = []

    async def now(_: Any) -> datetime:
        return moments[-1]

    monkeypatch.setattr(cycle_module, "database_now", now)
    return moments.append


async def judged_in_full(db: asyncpg.Connection) -> AuditCycle:
    """What a cycle would do that knows nothing of any agent."""
    settings = audit_settings(get_settings())
    async with transaction() as session:
        connection = await session.connection()
        kept = await connection.begin_nested()
        await connection.exec_driver_sql("DELETE FROM agent_outlook")
        await connection.exec_driver_sql("DELETE FROM agent_trend")
        found = await judge_now(session, settings)
        await kept.rollback()
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_findings_are_those_of_a_judgement_of_all(
    db: asyncpg.Connection, clock: Callable[[datetime], None], seed: int
) -> None:
    await db.execute(UNGUARD)
    fleet = Fleet(db, await db.fetchval("SELECT clock_timestamp()") - STEPS * STEP, seed)
    await fleet.begin()
    held, rules = 0, set()
    for _ in range(STEPS):
        await fleet.pass_on()
        clock(fleet.now)
        full = await judged_in_full(db)
        async with transaction() as session:
            done = await audit(session, audit_settings(get_settings()))
        assert shown(done.opened) == shown(full.opened)
        assert shown(done.still_open) == shown(full.still_open)
        assert keys(done.closed) == keys(full.closed)
        assert (done.agents, done.errors) == (full.agents, full.errors)
        held += await db.fetchval("SELECT count(*) FROM agent_outlook WHERE judged_at < $1", fleet.now)
        rules |= {finding.rule for finding in done.opened}
    assert held > STEPS * AGENTS / 5, "hardly any judgement held for longer than a cycle"
    assert {"stopped_reporting", "consecutive_failures"} <= rules, "the agents are all alike"
    await check_derived(db)


# Beside a batch of those of which something has changed comes one of the others.
@pytest.mark.parametrize(
    ("bound", "others"),
    [
        ({"MOST_DUE": 10}, (10 - 7, 13, 18)),
        ({"AGENTS_AT_ONCE": 10, "JUDGING_SECONDS": 0.0, "JUDGING_SECONDS_AN_AGENT": 0.0}, (10, 18, 18)),
    ],
)
async def test_of_more_agents_than_a_cycle_judges_the_rest_is_judged_next(
    db: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    bound: dict[str, float],
    others: tuple[int, int, int],
) -> None:
    for name, value in bound.items():
        monkeypatch.setattr(calibration, name, value)
    report = (
        "INSERT INTO agent_run_log (agent_id, status, created_at, actions_taken, rlhf_scores)"
        " SELECT 'agent-' || agent, $4, now() - n * interval '1 hour', '{\"summary\": \"did it\"}', $5"
        " FROM generate_series($1::int, $2::int) AS agent, generate_series(1, $3::int) AS n"
    )
    await db.execute(report, 1, 25, 8, "success", SCORE)
    settings = audit_settings(get_settings())

    async def cycle() -> AuditCycle:
        async with transaction() as session:
            return await audit(session, settings)

    judged = "SELECT count(*) FROM agent_outlook WHERE circumstances <> 0"
    counts = []
    for _ in range(3):
        done = await cycle()
        assert done.agents == 25
        counts.append(await db.fetchval(judged))
        assert done.left == 25 - counts[-1]
    assert counts == [10, 20, 25]
    # Other circumstances for all of them: those of which something has changed are not kept waiting.
    await db.execute("UPDATE agent_outlook SET circumstances = 0")
    await db.execute(UNGUARD)
    earlier = "UPDATE agent_run_log SET created_at = created_at - interval '1 day'"
    await db.execute(f"{earlier} WHERE agent_id ~ '-[3-9]$'")
    await db.execute(report, 3, 9, 3, "failed", SCORE)
    opened = keys((await cycle()).opened)
    assert opened == [("consecutive_failures", f"agent-{number}") for number in range(3, 10)]
    assert await db.fetchval(judged) == others[0]
    # Seven are watched now, and judged beside the ten.
    for expected in others[1:]:
        assert keys((await cycle()).still_open) == opened
        assert await db.fetchval(judged) == expected
    # The time that the others have is no bound for those of which something has changed.
    monkeypatch.setattr(calibration, "MOST_DUE", 25)
    monkeypatch.setattr(calibration, "AGENTS_AT_ONCE", 2)
    monkeypatch.setattr(calibration, "JUDGING_SECONDS", 60.0)
    monkeypatch.setattr(calibration, "JUDGING_SECONDS_AN_AGENT", 0.0)
    await db.execute("UPDATE agent_outlook SET circumstances = 0")
    await db.execute(f"{earlier} WHERE agent_id ~ '-1[0-6]$'")
    await db.execute(report, 10, 16, 3, "failed", SCORE)
    assert {agent_id for _, agent_id in keys((await cycle()).opened)} == {f"agent-{n}" for n in range(10, 17)}
    assert await db.fetchval(judged) == 2
