"""The Auditor's cycle, as beat starts it."""

from collections.abc import Iterable
from datetime import timedelta
from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.alerts.channels.ping import ping
from app.alerts.outbox import announce
from app.audit.cycle import AuditCycle, audit, lock_audit
from app.audit.heartbeat import cycled_within, record_cycle, record_failure
from app.config import Settings, get_settings
from app.db.session import transaction
from app.errors import IngestUnavailableError, InvalidRunError, RunLogError
from app.kit.secrets import redact
from app.kit.text import counted
from app.logs import get_logger
from app.models import AuditFinding
from app.models.agent_run_log import AUDITOR
from app.services.agent_run_log_service import write_run_log
from app.tasks.calibration import AUDIT_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.runtime import run_async
from app.wiring import alert_settings, audit_settings

log = get_logger(__name__)

_MAX_REPORTED = 100  # findings, and crashed rules, that the report names


@celery_app.task
def run_audit() -> None:
    """Audit every agent and report the cycle as a run of the agent `auditor`.

    Where a cycle has no time for all agents, others follow it at once for a while, and are reported with it.
    Does nothing while another audit is under way or when the last one was moments ago.
    """
    run_async(_run_cycle())


async def _run_cycle() -> None:
    interval = timedelta(seconds=get_settings().audit_interval)
    # The lock outlasts the cycle's own transaction until the cycle is recorded: the next one that takes it
    # sees the record.
    async with transaction() as session:
        if not await lock_audit(session) or await cycled_within(session, interval / 2):
            return
        cycle = await _audit_and_report()
    url = get_settings().audit_ping_url
    if url:
        await ping(url.get_secret_value(), healthy=not cycle.errors)


async def _audit_and_report() -> AuditCycle:
    settings = get_settings()
    try:
        ends, cycle = monotonic() + AUDIT_SECONDS, await _cycle(settings)
        while cycle.left and monotonic() < ends:
            cycle = cycle.then(await _cycle(settings))
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, RunLogError) as error:
        reason = f"{type(error).__name__}: {error.orig if isinstance(error, DBAPIError) else error}"
        await _record({"summary": "The audit could not be done", "error": reason}, "failed")
        async with transaction() as session:
            await record_failure(session, redact(reason))
        raise
    await _record(_report(cycle), "partial" if cycle.errors else "success")
    log.info(
        "audited",
        agents=cycle.agents,
        left=cycle.left,
        opened=len(cycle.opened),
        closed=len(cycle.closed),
        open=len(cycle.open),
        errors=len(cycle.errors),
    )
    return cycle


async def _cycle(settings: Settings) -> AuditCycle:
    async with transaction() as session:
        cycle = await audit(session, audit_settings(settings))
        await announce(session, alert_settings(settings), cycle.at, cycle.open, cycle.closed)
        await record_cycle(session, cycle)
    return cycle


async def _record(report: dict[str, Any], status: str) -> None:
    """Report a cycle as a run. One that cannot be recorded was done all the same: its ping says so."""
    try:
        await write_run_log(AUDITOR, report, status)
    except (IngestUnavailableError, InvalidRunError) as error:
        log.warning("audit_not_reported", error=str(error))


def _report(cycle: AuditCycle) -> dict[str, Any]:
    summary = f"Agents checked: {cycle.agents - cycle.left}; findings opened: {len(cycle.opened)}"
    summary += f", closed: {len(cycle.closed)}, open: {len(cycle.open)}"
    if cycle.left:
        summary += f"; left for the next cycle: {counted(cycle.left, 'agent')}"
    if cycle.errors:
        summary += f"; rules crashed: {len(cycle.errors)}"
    nothing = not (cycle.opened or cycle.closed or cycle.errors)
    return {
        "summary": summary,
        **({"no_op": True, "reason": "no finding opened or closed since the last cycle"} if nothing else {}),
        "agents_checked": cycle.agents - cycle.left,
        **({"agents_left": cycle.left} if cycle.left else {}),
        "findings_open": len(cycle.open),
        "opened": _named(cycle.opened),
        "closed": _named(cycle.closed),
        "open": _named(cycle.open),
        "errors": [
            {"rule": error.rule, "agent_id": error.agent_id, "error": error.error}
            for error in cycle.errors[:_MAX_REPORTED]
        ],
    }


def _named(findings: Iterable[AuditFinding]) -> list[dict[str, str]]:
    named = [{"rule": finding.rule, "agent_id": finding.agent_id} for finding in findings]
    return named[:_MAX_REPORTED]
