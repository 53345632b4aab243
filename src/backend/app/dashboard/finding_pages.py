"""Findings in pages, as people read them: what is open by gravity, what is over by time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.finding import SEVERITIES
from app.dashboard.verdict import is_open
from app.kit.cursors import Cursor, micros_of
from app.kit.sql import moment_at
from app.models import AuditCycleRecord, AuditFinding

_DAY = timedelta(days=1)
_UNKNOWN_SEVERITY = SEVERITIES.index("medium")  # of a row by another program; alerts say the same
_AFTER_ALL_SEVERITIES = len(SEVERITIES)


class FindingFilters(TypedDict, total=False):
    """Conditions on findings; None is no condition."""

    agent_id: str | None
    rule: str | None
    severity: str | None


class FindingCursor(NamedTuple):
    """A place among findings: right after this one. `rank` is 0 of those that are over."""

    rank: int
    place: Cursor

    def encode(self) -> str:
        """As an opaque URL-safe string."""
        return f"{self.rank}{self.place.encode()}"

    @classmethod
    def decode(cls, text: str) -> "FindingCursor":
        """The cursor that `encode` made. Raises `ValueError` for any other text."""
        if text[:1] not in set("0123456789"):
            raise ValueError("not a cursor of this list")
        return cls(int(text[0]), Cursor.decode(text[1:]))


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Some findings, which of them the Auditor's next cycle closes, and where the following ones begin."""

    findings: Sequence[AuditFinding]
    ending: frozenset[UUID]
    next_cursor: FindingCursor | None


class FindingCounts(NamedTuple):
    """How many findings are open; of these those not acknowledged; and of these the critical ones."""

    open: int
    unacknowledged: int
    critical: int


@dataclass(frozen=True, slots=True)
class Cycles:
    """The Auditor's newest cycle, None before the first, and how many ended and failed in 24 hours."""

    newest: AuditCycleRecord | None
    ended: int
    failed: int


async def open_findings_page(
    session: AsyncSession, limit: int, after: FindingCursor | None = None, **filters: Unpack[FindingFilters]
) -> FindingPage:
    """Open findings: those that are not acknowledged first, then the gravest, then the newest."""
    rank = _rank()
    statement = (
        select(AuditFinding, rank, is_open())
        .where(AuditFinding.closed_at.is_(None), *_conditions(**filters))
        .order_by(rank, AuditFinding.opened_at.desc(), AuditFinding.id.desc())
        .limit(limit + 1)
    )
    if after:
        statement = statement.where(or_(rank > after.rank, and_(rank == after.rank, _is_after(after.place))))
    rows = (await session.execute(statement)).all()
    shown = rows[:limit]
    return FindingPage(
        [finding for finding, _, _ in shown],
        frozenset(finding.id for finding, _, holds in shown if not holds),
        _cursor(shown[-1][1], shown[-1][0]) if len(rows) > limit else None,
    )


async def closed_findings_page(
    session: AsyncSession, limit: int, after: FindingCursor | None = None, **filters: Unpack[FindingFilters]
) -> FindingPage:
    """Findings that are over, those that opened last first."""
    statement = (
        select(AuditFinding)
        .where(AuditFinding.closed_at.is_not(None), *_conditions(**filters))
        .order_by(AuditFinding.opened_at.desc(), AuditFinding.id.desc())
        .limit(limit + 1)
    )
    if after:
        statement = statement.where(_is_after(after.place))
    found = (await session.scalars(statement)).all()
    return FindingPage(
        found[:limit], frozenset(), _cursor(0, found[limit - 1]) if len(found) > limit else None
    )


async def finding_counts(session: AsyncSession) -> FindingCounts:
    """How many findings are open now."""
    is_waiting = AuditFinding.acknowledged_at.is_(None)
    statement = select(
        func.count(),
        func.count().filter(is_waiting),
        func.count().filter(is_waiting, AuditFinding.severity == SEVERITIES[0]),
    )
    row = (await session.execute(statement.where(AuditFinding.closed_at.is_(None)))).one()
    return FindingCounts(*row)


async def recent_cycles(session: AsyncSession, now: datetime) -> Cycles:
    """How the Auditor's cycles went lately."""
    ended_at = AuditCycleRecord.ended_at
    newest = await session.scalar(
        select(AuditCycleRecord).where(ended_at <= now).order_by(ended_at.desc()).limit(1)
    )
    counts = select(func.count(), func.count(AuditCycleRecord.error)).where(
        ended_at > now - _DAY, ended_at <= now
    )
    ended, failed = (await session.execute(counts)).one()
    return Cycles(newest, ended, failed)


def _rank() -> ColumnElement[int]:
    whens = [(AuditFinding.severity == severity, place) for place, severity in enumerate(SEVERITIES)]
    gravity = case(*whens, else_=_UNKNOWN_SEVERITY)
    return gravity + case((AuditFinding.acknowledged_at.is_(None), 0), else_=_AFTER_ALL_SEVERITIES)


def _conditions(
    *, agent_id: str | None = None, rule: str | None = None, severity: str | None = None
) -> list[ColumnElement[bool]]:
    wanted = ((AuditFinding.agent_id, agent_id), (AuditFinding.rule, rule), (AuditFinding.severity, severity))
    return [column == value for column, value in wanted if value is not None]


def _is_after(place: Cursor) -> ColumnElement[bool]:
    if place.micros is None:
        return literal_column("false")
    return tuple_(AuditFinding.opened_at, AuditFinding.id) < tuple_(moment_at(place.micros), place.id)


def _cursor(rank: int, finding: AuditFinding) -> FindingCursor:
    return FindingCursor(rank, Cursor(micros_of(finding.opened_at), finding.id))
