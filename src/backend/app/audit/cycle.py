"""The Auditor: reads recent runs, judges every agent, and stores findings when they open and close."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Text,
    Uuid,
    column,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.audit.cadence import Outage
from app.audit.domain.evaluation import RuleError
from app.audit.domain.finding import Evidence, Finding, FindingKey
from app.audit.domain.fleet import FLEET_SILENT, REPORTING_AGAIN, fleet_silent
from app.audit.domain.liveness import Late, StoppedReporting
from app.audit.domain.transitions import Transitions, transitions
from app.audit.histories import AUDITOR
from app.audit.outages import fleet_silence
from app.audit.settings import AuditSettings
from app.audit.successors import with_successors
from app.audit.suspects import Fleet, look
from app.kit.sql import database_now
from app.kit.times import moment_in
from app.models import AgentRunLog, AuditFinding

_LOCK = 0x41554449544F52  # any number that nothing else locks: "AUDITOR"
_SILENT = (FLEET_SILENT, AUDITOR)


@dataclass(frozen=True, slots=True)
class AuditCycle:
    """What one cycle did, at a moment of the database's clock. `agents` counts those that were judged."""

    at: datetime
    agents: int
    opened: list[AuditFinding]
    closed: list[AuditFinding]
    still_open: list[AuditFinding]
    errors: list[RuleError]

    @property
    def open(self) -> list[AuditFinding]:
        """Every finding that is open after the cycle, newest first."""
        return sorted([*self.opened, *self.still_open], key=lambda finding: finding.opened_at, reverse=True)


async def lock_audit(session: AsyncSession) -> bool:
    """Whether this transaction now holds the right to audit; False while another holds it."""
    return bool((await session.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


async def audited_within(session: AsyncSession, span: timedelta) -> bool:
    """Whether the Auditor reported a cycle in the last `span`."""
    now = func.clock_timestamp()
    report = select(AgentRunLog.id).where(
        # After a clock has jumped back, a report from the future says nothing.
        AgentRunLog.agent_id == AUDITOR,
        AgentRunLog.created_at > now - span,
        AgentRunLog.created_at <= now,
    )
    return bool((await session.execute(select(report.exists()))).scalar_one())


async def findings(
    session: AsyncSession, *, state: Literal["open", "all"] = "open", limit: int = 100
) -> list[AuditFinding]:
    """The findings that are open, or all there ever were, newest first, at most `limit`."""
    statement = select(AuditFinding).order_by(AuditFinding.opened_at.desc(), AuditFinding.id)
    if state == "open":
        statement = statement.where(AuditFinding.closed_at.is_(None))
    return list(await session.scalars(statement.limit(limit)))


async def audit(session: AsyncSession, settings: AuditSettings) -> AuditCycle:
    """Judge every agent now and store what changed: findings open, are brought up to date, and close.

    Several audits at once store each change once. A rule that crashes on an agent leaves that finding
    as it is and is in the cycle's `errors`.
    """
    now = await database_now(session)
    open_now = select(AuditFinding).where(AuditFinding.closed_at.is_(None))
    stored = {(finding.rule, finding.agent_id): finding for finding in await session.scalars(open_now)}
    fleet = await look(session, now, stored, settings)
    silence = await _silence(session, fleet, stored.get(_SILENT))
    if silence:
        fleet = fleet.in_outage(silence)
    verdicts = await with_successors(session, now, fleet.verdicts, set(fleet.seen) - {AUDITOR})
    held = {key: finding.evidence for key, finding in stored.items() if key != _SILENT}
    changes = transitions(fleet.rules, held, fleet.histories, verdicts)
    _judge_fleet(changes, silence, stored.get(_SILENT), now)
    closed = await _close(session, now, {stored[key].id: proof for key, proof in changes.closed.items()})
    await _bring_up_to_date(session, stored, changes.persisting)
    return AuditCycle(
        at=now,
        agents=len(fleet.watched),
        opened=await _open(session, now, changes.opened),
        closed=closed,
        still_open=[finding for key, finding in stored.items() if key not in changes.closed],
        errors=[error for verdict in verdicts for error in verdict.errors],
    )


def _judge_fleet(
    changes: Transitions, silence: Outage | None, known: AuditFinding | None, now: datetime
) -> None:
    """Add what changes about the finding of all agents, which is open if it is `known`."""
    if silence and known:
        began = moment_in(known.evidence, "since") or known.opened_at
        changes.persisting.append(fleet_silent(silence._replace(start=began.timestamp()), now, AUDITOR))
    elif silence:
        changes.opened.append(fleet_silent(silence, now, AUDITOR))
    elif known:
        changes.closed[_SILENT] = REPORTING_AGAIN


async def _silence(session: AsyncSession, fleet: Fleet, known: AuditFinding | None) -> Outage | None:
    """The time up to now in which hardly any agent reported: looked for when one is about to be blamed."""
    overdue = {StoppedReporting.name, Late.name}
    blamed = known or any(
        finding.rule in overdue and finding.rule not in fleet.open_by.get(finding.agent_id, ())
        for verdict in fleet.verdicts
        for finding in verdict.findings
    )
    if not blamed:
        return None
    return await fleet_silence(session, fleet.now, fleet.watched & set(fleet.seen), known=known is not None)


async def _open(session: AsyncSession, now: datetime, found: Sequence[Finding]) -> list[AuditFinding]:
    """Insert what no audit at the same time has opened first."""
    if not found:
        return []
    rows = [
        {
            "rule": finding.rule,
            "agent_id": finding.agent_id,
            "message": finding.message,
            "evidence": finding.evidence,
            "opened_at": now,
        }
        for finding in sorted(found, key=lambda finding: finding.key)
    ]
    statement = (
        insert(AuditFinding)
        .on_conflict_do_nothing(
            index_elements=[AuditFinding.rule, AuditFinding.agent_id],
            index_where=AuditFinding.closed_at.is_(None),
        )
        .returning(AuditFinding)
    )
    return list(await session.scalars(statement, rows))


async def _bring_up_to_date(
    session: AsyncSession, stored: Mapping[FindingKey, AuditFinding], found: Iterable[Finding]
) -> None:
    changed = [
        {"id": str(stored[finding.key].id), "message": finding.message, "evidence": finding.evidence}
        for finding in found
        if (stored[finding.key].message, stored[finding.key].evidence) != (finding.message, finding.evidence)
    ]
    await _update_open(session, changed, message=Text, evidence=JSONB)


async def _close(session: AsyncSession, now: datetime, proofs: Mapping[UUID, Evidence]) -> list[AuditFinding]:
    closed = [
        {"id": str(finding_id), "closed_at": now.isoformat(), "closing_evidence": proof}
        for finding_id, proof in proofs.items()
    ]
    return await _update_open(session, closed, closed_at=DateTime(timezone=True), closing_evidence=JSONB)


async def _update_open(
    session: AsyncSession,
    changes: Sequence[dict[str, Any]],
    **columns: TypeEngine[Any] | type[TypeEngine[Any]],
) -> list[AuditFinding]:
    """Set `columns` of the findings that `changes` name by `id`, where they are open still; return those."""
    if not changes:
        return []
    declared = [column("id", Uuid), *(column(name, type_) for name, type_ in columns.items())]
    records = func.jsonb_to_recordset(literal(changes, JSONB)).table_valued(*declared)
    change = records.render_derived(name="change", with_types=True)
    statement = (
        update(AuditFinding)
        .where(AuditFinding.id == change.c.id, AuditFinding.closed_at.is_(None))
        .values({name: change.c[name] for name in columns})
        .returning(AuditFinding)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list(await session.scalars(statement))
