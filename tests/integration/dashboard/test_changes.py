"""What tells open pages that something has changed: nothing that was said before is said again."""

from datetime import timedelta

import asyncpg
import pytest

from app.dashboard.changes import read_changes
from app.db.session import transaction

pytestmark = pytest.mark.anyio

INTERVAL = timedelta(minutes=5)
OPEN = "INSERT INTO audit_finding (rule, agent_id, message) VALUES ('silent_runs', 'nova', 'Says nothing')"
CLOSE = "UPDATE audit_finding SET closed_at = now()"


async def version(topic: str) -> str:
    async with transaction() as session:
        return (await read_changes(session, INTERVAL)).versions[topic]


async def test_a_finding_that_is_closed_at_once_leaves_another_version_than_before(
    db: asyncpg.Connection,
) -> None:
    seen = [await version("findings")]
    for change in (OPEN, CLOSE, OPEN, CLOSE.replace("now()", "now() + interval '1 second'")):
        await db.execute(change)
        seen.append(await version("findings"))
    assert len(set(seen)) == len(seen)


async def test_an_hour_that_passes_out_of_sight_leaves_another_version_than_before(
    db: asyncpg.Connection,
) -> None:
    """Its runs are counted no more: a new one makes the sum what it was."""
    await db.execute("""
        INSERT INTO run_rollup (width, bucket, shard, runs, succeeded)
        VALUES (60, date_trunc('hour', now()) - interval '1 hour', 0, 1, 1),
               (60, date_trunc('hour', now()), 0, 1, 1)
    """)
    before = await version("runs")
    await db.execute("DELETE FROM run_rollup WHERE bucket < date_trunc('hour', now())")
    await db.execute("UPDATE run_rollup SET runs = 2, succeeded = 2")
    assert await version("runs") != before
