"""Findings in pages: in which order, and that each is on one page and no other."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.dashboard.finding_pages import (
    FindingCursor,
    closed_findings_page,
    finding_counts,
    open_findings_page,
    recent_cycles,
)
from app.db.session import transaction
from app.kit.sql import database_now
from support.auditing import record_cycles

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
MANY = """
INSERT INTO audit_finding (rule, agent_id, message, severity, opened_at, closed_at, acknowledged_at)
SELECT 'late', 'agent-' || n, 'm', (ARRAY['low', 'high', 'medium', 'odd'])[1 + n % 4],
    date_trunc('hour', now()) - (n / 3) * interval '1 hour', CASE WHEN $1 THEN now() END,
    CASE WHEN n % 5 = 0 THEN now() END
FROM generate_series(1, 40) AS n
"""


async def pages(list_page: Any, limit: int, **filters: Any) -> list[list[Any]]:
    """Every page, one after the other, each by the cursor of the one before as an address has it."""
    found, after = [], None
    while True:
        async with transaction() as session:
            page = await list_page(session, limit, after, **filters)
        found.append(list(page.findings))
        if page.next_cursor is None:
            return found
        after = FindingCursor.decode(page.next_cursor.encode())


async def test_open_findings_come_by_what_a_person_should_see_first(db: asyncpg.Connection) -> None:
    await db.execute(MANY, False)
    gravity = {"high": 0, "medium": 1, "odd": 1, "low": 2}
    found = await pages(open_findings_page, 7)
    assert [len(page) for page in found] == [7, 7, 7, 7, 7, 5]
    shown = [each for page in found for each in page]
    assert len({each.id for each in shown}) == 40
    keys = [
        (each.acknowledged_at is not None, gravity[each.severity], -each.opened_at.timestamp())
        for each in shown
    ]
    assert keys == sorted(keys)


async def test_what_is_over_comes_newest_first(db: asyncpg.Connection) -> None:
    await db.execute(MANY, True)
    assert await pages(open_findings_page, 7) == [[]]
    shown = [each for page in await pages(closed_findings_page, 7) for each in page]
    assert len({each.id for each in shown}) == 40
    assert [each.opened_at for each in shown] == sorted((each.opened_at for each in shown), reverse=True)


async def test_filters_hold_on_every_page(db: asyncpg.Connection) -> None:
    await db.execute(MANY, False)
    found = await pages(open_findings_page, 3, severity="high", agent_id=None, rule="late")
    assert [len(page) for page in found] == [3, 3, 3, 1]
    assert await pages(open_findings_page, 3, agent_id="agent-1", rule="silent_runs") == [[]]


async def test_a_finding_of_an_agent_that_has_reported_since_is_ending(db: asyncpg.Connection) -> None:
    await db.execute(MANY, False)
    await db.execute("INSERT INTO agent_run_log (agent_id) VALUES ('agent-3')")
    async with transaction() as session:
        page = await open_findings_page(session, 50)
    assert [each.agent_id for each in page.findings if each.id in page.ending] == ["agent-3"]


@pytest.mark.parametrize("text", ["", "x", "0", "99", "1d" + "!" * 32, "é" * 34])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        FindingCursor.decode(text)


async def test_counts_and_cycles(db: asyncpg.Connection) -> None:
    async with transaction() as session:
        assert (await recent_cycles(session, await database_now(session))).newest is None
    await db.execute(MANY, False)
    await record_cycles(db, ago=MINUTE, every=5 * MINUTE, count=3)
    await db.execute("INSERT INTO audit_cycle (ended_at, error) VALUES (clock_timestamp(), 'OSError: away')")
    async with transaction() as session:
        assert await finding_counts(session) == (40, 32, 0)
        cycles = await recent_cycles(session, await database_now(session))
    assert (cycles.ended, cycles.failed) == (4, 1)
    assert cycles.newest
    assert cycles.newest.error == "OSError: away"
