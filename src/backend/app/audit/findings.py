"""The findings as they are stored: list them, open, update and close them, acknowledge one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    and_,
    column,
    func,
    literal,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.audit.domain.finding import Evidence, Finding, FindingKey
from app.audit.domain.missing import AGENTS_MISSING, MissingGroup
from app.models import AuditFinding

_MOMENT = DateTime(timezone=True)
JUDGED: dict[str, TypeEngine[Any]] = {
    "severity": Text(),
    "message": Text(),
    "evidence": JSONB(),
    "last_run_at": _MOMENT,
    "began_at": _MOMENT,
}
"""What is stored of a `Finding` besides its key, by name."""


async def list_findings(
    session: AsyncSession, *, state: Literal["open", "all"] = "open", limit: int = 100
) -> list[AuditFinding]:
    """The findings that are open, or all there ever were, newest first, at most `limit`."""
    statement = select(AuditFinding).order_by(AuditFinding.opened_at.desc(), AuditFinding.id)
    if state == "open":
        statement = statement.where(AuditFinding.closed_at.is_(None))
    return list(await session.scalars(statement.limit(limit)))


async def findings_of_agent(session: AsyncSession, agent_id: str, limit: int) -> list[AuditFinding]:
    """The agent's newest findings, those with others included: first the open ones, at most `limit`."""
    newest_first = await _newest_of(session, agent_id, limit)
    return sorted(newest_first, key=lambda finding: finding.closed_at is not None)[:limit]


async def _newest_of(
    session: AsyncSession, agent_id: str, limit: int, *conditions: ColumnElement[bool]
) -> list[AuditFinding]:
    """The agent's newest findings under the conditions: `limit` of its own and as many with others."""
    is_own = AuditFinding.agent_id == agent_id
    newest = select(AuditFinding).where(*conditions).order_by(AuditFinding.opened_at.desc()).limit(limit)
    found: list[AuditFinding] = []
    for condition in (is_own, and_(is_among_missing(agent_id), not_(is_own))):
        found += await session.scalars(newest.where(condition))
    return sorted(found, key=lambda finding: finding.opened_at, reverse=True)


def is_among_missing(agent_id: str) -> ColumnElement[bool]:
    """That a finding is of several agents that were missing together, with this one among them."""
    return and_(of_rule(AGENTS_MISSING), AuditFinding.evidence["agents"].has_key(agent_id))


def of_rule(rule: str) -> ColumnElement[bool]:
    """That a finding is of a rule that has an index of its own.

    As that index's condition has it: with a parameter the planner could not use the index.
    """
    return AuditFinding.rule == literal_column(f"'{rule}'")


def affected_agents(finding: AuditFinding) -> Sequence[str]:
    """The agents that a finding is about: those that are missing still, where several were together."""
    if finding.rule != AGENTS_MISSING:
        return [finding.agent_id]
    group = MissingGroup.from_evidence(finding.agent_id, finding.evidence)
    return sorted(group.missing) if group else [finding.agent_id]


async def opened_count(session: AsyncSession, start: datetime, end: datetime) -> int:
    """How many findings opened from `start` until before `end`."""
    opened_at = AuditFinding.opened_at
    return await session.scalar(select(func.count()).where(opened_at >= start, opened_at < end)) or 0


async def closed_count(session: AsyncSession, start: datetime, end: datetime) -> int:
    """How many findings closed from `start` until before `end`."""
    closed_at = AuditFinding.closed_at
    return await session.scalar(select(func.count()).where(closed_at >= start, closed_at < end)) or 0


async def open_during(
    session: AsyncSession, rules: Collection[str], start: datetime, end: datetime, limit: int
) -> list[AuditFinding]:
    """Findings of `rules` that were open at some time from `start` until before `end`, at most `limit`."""
    of_rules = AuditFinding.rule.in_(rules), AuditFinding.opened_at < end
    is_open, closed_at = AuditFinding.closed_at.is_(None), AuditFinding.closed_at
    still = select(AuditFinding).where(*of_rules, is_open).order_by(AuditFinding.opened_at)
    over = select(AuditFinding).where(*of_rules, closed_at >= start).order_by(closed_at)
    found = list(await session.scalars(still.limit(limit)))
    return [*found, *await session.scalars(over.limit(limit - len(found)))]


async def findings_at(
    session: AsyncSession, agent_id: str, moment: datetime, interval: timedelta, limit: int = 20
) -> list[AuditFinding]:
    """The agent's incidents, those with others included, that a run of `moment` may be part of.

    They come newest first, at most `limit`. A cycle, one in each `interval`, opens a finding after the run
    that it is about.
    """
    began_at = func.least(AuditFinding.began_at, AuditFinding.opened_at)
    was_open = began_at <= moment + 2 * interval, func.coalesce(AuditFinding.closed_at, moment) >= moment
    return (await _newest_of(session, agent_id, limit, *was_open))[:limit]


async def open_findings(session: AsyncSession) -> dict[FindingKey, AuditFinding]:
    """Every open finding by its rule and agent."""
    statement = select(AuditFinding).where(AuditFinding.closed_at.is_(None))
    return {(finding.rule, finding.agent_id): finding for finding in await session.scalars(statement)}


async def open_new(session: AsyncSession, now: datetime, found: Sequence[Finding]) -> list[AuditFinding]:
    """Store new findings; returns those that no audit at the same time has opened first."""
    if not found:
        return []
    rows = [
        {
            "rule": finding.rule,
            "agent_id": finding.agent_id,
            **{name: getattr(finding, name) for name in JUDGED},
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


async def update_changed(
    session: AsyncSession, stored: Mapping[FindingKey, AuditFinding], found: Iterable[Finding]
) -> None:
    """Bring the `stored` findings to what was `found` of them now. One that is the same is not written."""
    changed = [
        {"id": str(stored[finding.key].id), **{name: _json(getattr(finding, name)) for name in JUDGED}}
        for finding in found
        if any(getattr(stored[finding.key], name) != getattr(finding, name) for name in JUDGED)
    ]
    await _update_open(session, changed, **JUDGED)


async def close(session: AsyncSession, now: datetime, proofs: Mapping[UUID, Evidence]) -> list[AuditFinding]:
    """Close findings, each with the proof that it is over; returns those that were open until now."""
    closed = [
        {"id": str(finding_id), "closed_at": now.isoformat(), "closing_evidence": proof}
        for finding_id, proof in proofs.items()
    ]
    return await _update_open(session, closed, closed_at=_MOMENT, closing_evidence=JSONB())


async def acknowledge(session: AsyncSession, finding_id: UUID, by: str, note: str | None = None) -> bool:
    """Note who knows of an open finding, so that no alert reminds of it; the latest name replaces others.

    False where no finding with this id is open.
    """
    statement = (
        update(AuditFinding)
        .where(AuditFinding.id == finding_id, AuditFinding.closed_at.is_(None))
        .values(acknowledged_at=func.now(), acknowledged_by=by, acknowledgement_note=note)
        .returning(AuditFinding.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(statement) is not None


async def _update_open(
    session: AsyncSession,
    changes: Sequence[dict[str, Any]],
    **columns: TypeEngine[Any],
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


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
