"""What the tests of alerts share: trouble, an audit, and a delivery, as often as they need."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts.outbox import announce
from app.audit.cycle import AuditCycle, audit
from app.config import get_settings
from app.db.session import transaction
from app.tasks import alert_tasks
from app.wiring import alert_settings, audit_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FAILING = """
    INSERT INTO agent_run_log (agent_id, status, created_at, action_summary, actions_taken)
    SELECT $1, 'failed', clock_timestamp() - i * interval '1 minute', 'aborted', '{"summary": "aborted"}'
    FROM generate_series(1, 3) i
"""
FIXED = """
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, created_at)
    VALUES ($1, 'fine', '{"summary": "fine"}', clock_timestamp())
"""
AGAIN = "UPDATE alert_notification SET next_attempt_at = clock_timestamp() WHERE state = 'pending'"


def settle(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Set `RUNLOG_…` settings, given in lower case without the prefix."""
    for name, value in settings.items():
        monkeypatch.setenv(f"RUNLOG_{name.upper()}", str(value))
    get_settings.cache_clear()


async def audit_and_announce(session: AsyncSession) -> AuditCycle:
    """One cycle of the Auditor in `session`, as the task does it."""
    settings = get_settings()
    cycle = await audit(session, audit_settings(settings))
    await announce(session, alert_settings(settings), cycle.at, cycle.open, cycle.closed)
    return cycle


async def audited() -> AuditCycle:
    """One cycle of the Auditor."""
    async with transaction() as session:
        return await audit_and_announce(session)


async def deliver() -> None:
    """What the task does, on the test's own loop."""
    await alert_tasks._deliver()


async def tries(db: asyncpg.Connection) -> list[tuple[bool | None, str | None]]:
    """Every try and its outcome, oldest first."""
    found = await db.fetch("SELECT ok, outcome FROM alert_attempt ORDER BY started_at, attempt")
    return [(row["ok"], row["outcome"]) for row in found]


async def states(db: asyncpg.Connection) -> list[tuple[str, str]]:
    """The kind and state of every notification, oldest first."""
    found = await db.fetch("SELECT kind, state FROM alert_notification ORDER BY created_at, id")
    return [(row["kind"], row["state"]) for row in found]
