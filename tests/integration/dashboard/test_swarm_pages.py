"""Heartbeats in pages, and Agent Cloud's tasks by day."""

from datetime import timedelta

import asyncpg
import pytest

from app.dashboard.agent_cloud import completed_count, completed_tasks, failed_tasks
from app.dashboard.peer_swarm import heartbeats_page
from app.db.session import transaction
from app.kit.sql import database_now

pytestmark = pytest.mark.anyio


async def test_every_heartbeat_is_on_one_page_the_newest_first(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO peer_swarm_heartbeat (agent_id, heartbeat_at)
        SELECT 'agent-' || n, date_trunc('hour', now()) - (n / 4) * interval '1 minute'
        FROM generate_series(1, 25) AS n
    """)
    shown, after = [], None
    while True:
        async with transaction() as session:
            page = await heartbeats_page(session, 10, after)
        assert page.total == 25
        shown += page.heartbeats
        after = page.next_cursor
        if after is None:
            break
    assert len({each.agent_id for each in shown}) == len(shown) == 25
    assert [each.heartbeat_at for each in shown] == sorted(
        (each.heartbeat_at for each in shown), reverse=True
    )


async def test_tasks_are_of_the_day_on_which_they_ended(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO agent_cloud_task (task_id, status, completed_at, updated_at) VALUES
        ('yesterday', 'completed', now() - interval '1 day', now()),
        ('first', 'completed', now() - interval '2 minutes', now()),
        ('second', 'completed', now() - interval '1 minute', now()),
        ('failed', 'failed', NULL, now())
    """)
    async with transaction() as session:
        now = await database_now(session)
        bounds = now - timedelta(hours=1), now + timedelta(hours=1)
        assert [each.task_id for each in await completed_tasks(session, *bounds, 1)] == ["second"]
        assert await completed_count(session, *bounds) == 2
        assert [each.task_id for each in await failed_tasks(session, *bounds, 10)] == ["failed"]
