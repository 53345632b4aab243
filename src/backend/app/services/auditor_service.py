"""The Auditor: reads recent runs, judges every agent, and stores findings when they open and close."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    String,
    Subquery,
    Text,
    Uuid,
    cast,
    column,
    func,
    literal,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.config import get_settings
from app.domain.audit.evaluation import RuleError, all_rules, evaluate, suspecting
from app.domain.audit.finding import Evidence, Finding, FindingKey
from app.domain.audit.history import HISTORY_DEPTH, AgentHistory, ReportedRun
from app.domain.audit.rule import Rule
from app.domain.audit.transitions import transitions
from app.domain.cadence import Past
from app.models import Agent, AgentRunLog, AuditFinding
from app.services.agent_run_log_service import recent_runs
from app.services.run_queries import database_now

AUDITOR = "auditor"
"""The agent as which the Auditor reports its own cycles. It is not audited: that it judges is the proof
that it lives, and a failure of its own would be found by the very cycle that overcame it."""

_LOCK = 0x41554449544F52  # any number that nothing else locks: "AUDITOR"
_FIRST_LOOK = 6
_PAST = timedelta(days=15)  # two weekends, whatever the day
_SUMMARY_LENGTH = 2_000
_LEAST_OUTAGE = timedelta(minutes=15)


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


async def audit(session: AsyncSession) -> AuditCycle:
    """Judge every agent now and store what changed: findings open, are brought up to date, and close.

    Several audits at once store each change once. A rule that crashes on an agent leaves that finding
    as it is and is in the cycle's `errors`.
    """
    rules, first_look = _rules()
    now = await database_now(session)
    open_now = select(AuditFinding).where(AuditFinding.closed_at.is_(None))
    stored = {(finding.rule, finding.agent_id): finding for finding in await session.scalars(open_now)}
    histories = await _histories(session, now, first_look)
    suspicions = {agent_id: suspecting(rules, history) for agent_id, history in histories.items()}
    depth = max(HISTORY_DEPTH, first_look)
    histories |= await _deepened(session, histories, suspicions, depth)
    judged = {agent_id for agent_id, suspicious in suspicions.items() if suspicious}
    judged |= {agent_id for _, agent_id in stored if agent_id in histories}
    verdicts = [evaluate(rules, histories[agent_id]) for agent_id in sorted(judged)]
    held = {key: finding.evidence for key, finding in stored.items()}
    changes = transitions(rules, held, histories, verdicts)
    closed = await _close(session, now, {stored[key].id: proof for key, proof in changes.closed.items()})
    await _bring_up_to_date(session, stored, changes.persisting)
    return AuditCycle(
        at=now,
        agents=sum(not history.paused for history in histories.values()),
        opened=await _open(session, now, changes.opened),
        closed=closed,
        still_open=[finding for key, finding in stored.items() if key not in changes.closed],
        errors=[error for verdict in verdicts for error in verdict.errors],
    )


def _rules() -> tuple[tuple[Rule, ...], int]:
    """The rules by the settings, and how many runs of an agent they need for a first look."""
    settings = get_settings()
    failures, silences = settings.audit_failure_streak, settings.audit_silence_streak
    return all_rules(failure_streak=failures, silence_streak=silences), max(_FIRST_LOOK, failures, silences)


async def _histories(session: AsyncSession, now: datetime, depth: int) -> dict[str, AgentHistory]:
    """Every agent but the Auditor, with its newest `depth` runs: those that reported or are declared."""
    watching_since = await _watching_since(session, now)
    runs: dict[str, list[ReportedRun]] = defaultdict(list)
    for run in await recent_runs(per_agent=depth):
        runs[run.agent_id].append(
            ReportedRun(
                id=str(run.id),
                status=run.status,
                created_at=run.created_at or run.run_at,
                silence_count=run.consecutive_silence_count,
                summary=run.action_summary,
            )
        )
    declared = {agent.agent_id: agent for agent in await session.scalars(select(Agent))}
    return {
        agent_id: AgentHistory(
            agent_id,
            now,
            tuple(runs.get(agent_id, ())),
            watching_since=watching_since,
            **_declaration(declared.get(agent_id)),
        )
        for agent_id in sorted({*runs, *declared} - {AUDITOR})
    }


def _declaration(agent: Agent | None) -> dict[str, Any]:
    if agent is None:
        return {}
    grace = None if agent.grace_seconds is None else timedelta(seconds=agent.grace_seconds)
    return {
        "schedule": agent.schedule,
        "timezone": agent.timezone,
        "grace": grace,
        "paused": agent.paused,
    }


async def _watching_since(session: AsyncSession, now: datetime) -> datetime | None:
    """When the latest outage of the product itself ended; None without one lately.

    The Auditor's reports are its heartbeat. Where two of them are far apart and nobody else reported
    either, nobody could: the product was down, or the clock jumped.
    """
    interval = timedelta(seconds=get_settings().audit_interval)
    outage = max(_LEAST_OUTAGE, 3 * interval)
    created_at, the_moment = AgentRunLog.created_at, literal(now, DateTime(timezone=True))
    following = func.lead(created_at, 1, the_moment).over(order_by=created_at)
    beats = (
        select((created_at + 2 * interval).label("missed"), (following - created_at).label("gap"))
        .where(AgentRunLog.agent_id == AUDITOR, created_at > now - _PAST, created_at <= now)
        .subquery()
    )
    # An agent may have reported after the last beat and before the outage, or before the next beat.
    before = select(func.max(created_at)).where(created_at < beats.c.missed).scalar_subquery()
    after = select(func.min(created_at)).where(created_at >= beats.c.missed).scalar_subquery()
    end = func.coalesce(after, the_moment)
    statement = select(func.max(end)).where(beats.c.gap > outage, end - before > outage)
    return (await session.execute(statement)).scalar_one()


async def _deepened(
    session: AsyncSession,
    histories: Mapping[str, AgentHistory],
    suspicions: Mapping[str, Sequence[Rule]],
    depth: int,
) -> dict[str, AgentHistory]:
    """The histories of the agents under suspicion, at the depth that the suspecting rules need."""
    needs = {agent_id: {rule.needs for rule in rules} for agent_id, rules in suspicions.items() if rules}
    of_runs = [agent_id for agent_id, needed in needs.items() if "runs" in needed]
    of_past = [agent_id for agent_id, needed in needs.items() if "past" in needed]
    runs = await _newest_runs(session, of_runs, depth)
    # A declared schedule needs no past.
    pasts = await _pasts(session, [agent_id for agent_id in of_past if not histories[agent_id].schedule])
    return {
        agent_id: replace(
            histories[agent_id],
            runs=runs.get(agent_id, histories[agent_id].runs),
            past=pasts.get(agent_id),
        )
        for agent_id in needs
    }


async def _newest_runs(
    session: AsyncSession, agent_ids: Sequence[str], depth: int
) -> dict[str, tuple[ReportedRun, ...]]:
    wanted = _wanted(agent_ids)
    newest = (
        select(
            cast(AgentRunLog.id, String).label("id"),
            AgentRunLog.status,
            AgentRunLog.created_at,
            AgentRunLog.consecutive_silence_count,
            func.left(AgentRunLog.action_summary, _SUMMARY_LENGTH),
        )
        .where(AgentRunLog.agent_id == wanted.c.agent_id, AgentRunLog.created_at.is_not(None))
        .order_by(AgentRunLog.created_at.desc())
        .limit(depth)
        .lateral()
    )
    statement = select(wanted, newest).join(newest, true())
    runs: dict[str, list[ReportedRun]] = defaultdict(list)
    for agent_id, *run in await session.execute(statement):
        runs[agent_id].append(ReportedRun(*run))
    return {
        agent_id: tuple(sorted(found, key=lambda run: run.created_at, reverse=True))
        for agent_id, found in runs.items()
    }


async def _pasts(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Past]:
    """When each agent reported, and what the two weeks before its newest report say of its gaps."""
    wanted, created_at = _wanted(agent_ids), AgentRunLog.created_at
    is_its = AgentRunLog.agent_id == wanted.c.agent_id
    newest = (
        select(created_at)
        .where(is_its, created_at.is_not(None))
        .order_by(created_at.desc())
        .limit(HISTORY_DEPTH)
        .correlate(wanted)
        .subquery()
    )
    times = func.array_agg(aggregate_order_by(newest.c.created_at, newest.c.created_at.desc()))
    recent = select(type_coerce(times, ARRAY(DateTime(timezone=True))).label("reports")).lateral()
    gaps = (
        select(created_at, (created_at - func.lag(created_at).over(order_by=created_at)).label("gap"))
        .where(is_its, created_at >= recent.c.reports[1] - _PAST)
        .correlate(wanted, recent)
        .subquery()
    )
    span = select(func.min(gaps.c.created_at).label("since"), func.max(gaps.c.gap).label("longest")).lateral()
    statement = (
        select(wanted.c.agent_id, recent.c.reports, span.c.since, span.c.longest)
        .select_from(wanted)
        .join(recent, true())
        .join(span, true())
        .where(recent.c.reports.is_not(None))
    )
    return {
        agent_id: Past(tuple(reports), min(since, reports[-1]), longest or timedelta())
        for agent_id, reports, since, longest in await session.execute(statement)
    }


def _wanted(agent_ids: Sequence[str]) -> Subquery:
    ids = cast(literal(list(agent_ids), ARRAY(String)), ARRAY(String))
    return select(func.unnest(ids).label("agent_id")).subquery()


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
