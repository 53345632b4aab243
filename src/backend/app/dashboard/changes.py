"""Whether anything has changed that pages show: one cheap question, asked several times a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.dashboard.verdict import Level, is_open, is_stale, level_of
from app.models import (
    AgentCloudTask,
    AgentRunStart,
    AlertNotification,
    AuditCycleRecord,
    AuditFinding,
    PeerSwarmHeartbeat,
    RunRollup,
)
from app.models.run_rollup import HOUR

_WATCHED = timedelta(hours=2)
"""How long ago a run may have been created whose score counts as a change."""


TOPICS = ("runs", "scores", "findings", "swarm", "audit")
"""What pages name to be loaded again when something of it changed. `audit`: cycles, and how alerts go."""


@dataclass(frozen=True, slots=True)
class Changes:
    """A short text for each topic that differs when something of it changed, and how the fleet is.

    No text comes back: a page made during a change that was taken back at once is not taken for a fresh one.
    `attention` is how many open findings wait for a person.
    """

    versions: Mapping[str, str]
    level: Level
    attention: int


async def read_changes(session: AsyncSession, interval: timedelta) -> Changes:
    """Where every topic stands now; `interval` is the time between two of the Auditor's cycles.

    Reads a few rows by an index for each topic, however long the log is.
    """
    row = (await session.execute(_topics())).one()
    topics = {topic: row._mapping[topic] for topic in TOPICS}
    return Changes(
        versions={topic: blake2b(said.encode(), digest_size=6).hexdigest() for topic, said in topics.items()},
        level=level_of(row.severities or (), stale=is_stale(row.judged_at, row.now, interval)),
        attention=row.attention,
    )


def _topics() -> Select[Any]:
    """A row with a text for each topic, and what the fleet's state depends on."""
    severity, waits = AuditFinding.severity, AuditFinding.acknowledged_at.is_(None)
    is_recent = RunRollup.width == HOUR, RunRollup.bucket > func.now() - _WATCHED
    first_hour = func.min(RunRollup.bucket)
    started = select(func.max(AgentRunStart.received_at)).scalar_subquery()
    of_runs = select(
        _text(first_hour, func.sum(RunRollup.runs), func.sum(RunRollup.succeeded), started).label("runs"),
        _text(first_hour, func.sum(RunRollup.scored), func.sum(RunRollup.overall_sum)).label("scores"),
    ).where(*is_recent)
    closed = select(func.max(AuditFinding.closed_at)).scalar_subquery()
    of_findings = select(
        _text(
            func.count(), func.max(AuditFinding.opened_at), func.max(AuditFinding.acknowledged_at), closed
        ).label("findings"),
        func.count().filter(waits).label("attention"),
        func.array_agg(severity.distinct()).filter(waits).label("severities"),
    ).where(is_open())
    cycle = select(func.max(AuditCycleRecord.ended_at)).scalar_subquery()
    notified = select(func.max(AlertNotification.created_at)).scalar_subquery()
    pending = (
        select(_text(func.count(), func.sum(AlertNotification.attempts)))
        .where(AlertNotification.state == "pending")
        .scalar_subquery()
    )
    beat = select(func.max(PeerSwarmHeartbeat.heartbeat_at)).scalar_subquery()
    task = select(func.max(AgentCloudTask.completed_at)).scalar_subquery()
    runs, findings = of_runs.subquery(), of_findings.subquery()
    return select(
        runs,
        findings,
        _text(beat, task).label("swarm"),
        _text(cycle, notified, pending).label("audit"),
        cycle.label("judged_at"),
        func.now().label("now"),
    ).select_from(runs.join(findings, true()))


def _text(*values: Any) -> ColumnElement[str]:
    return func.concat_ws(" ", *(func.coalesce(cast(value, Text), "-") for value in values))
