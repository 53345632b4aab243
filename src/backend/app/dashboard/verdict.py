"""How the fleet stands, in one sentence, and what of it needs a person."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.pauses import IS_PAUSED
from app.agents.registry import identities, require_known
from app.audit.domain.finding import SEVERITIES
from app.audit.domain.fleet import FLEET_SILENT
from app.audit.domain.missing import AGENTS_MISSING
from app.audit.domain.tampering import LOG_TAMPERED
from app.audit.findings import affected_agents, is_among_missing
from app.audit.heartbeat import last_cycle
from app.kit.text import at, counted
from app.kit.times import moment_in
from app.models import Agent, AgentRunStart, AgentRunState, AuditFinding
from app.models.agent_run_log import AUDITOR

Level = Literal["fine", "attention", "trouble", "unknown"]

TROUBLES: Mapping[str, str] = {
    LOG_TAMPERED: "altered or unguarded",
    FLEET_SILENT: "silent all together",
    AGENTS_MISSING: "missing together",
    "stopped_reporting": "stopped reporting",
    "running_long": "running far longer than usual",
    "consecutive_failures": "failing",
    "silent_runs": "silent",
    "not_succeeding": "not succeeding",
    "never_reported": "never reported",
    "flapping": "failing on and off",
    "failure_rate": "failing more often than before",
    "unusual_usage": "taking far more than usual",
    "runs_twice": "running twice",
    "off_schedule": "off schedule",
    "bad_schedule": "with a schedule that cannot be read",
    "quality_drop": "doing worse work than before",
    "late": "late",
    "stuck_scoring": "not scored",
    "not_judged": "not judged",
}
"""What is wrong with an agent, by rule, as it follows a number of agents: the gravest first."""

MISSED_CYCLES = 3
"""Of the Auditor, after which what it last found is no verdict any more; alerts about it say the same."""

TITLES: Mapping[str, str] = {LOG_TAMPERED: "The log", FLEET_SILENT: "The fleet"}
"""Whom a finding is about that is of no single agent, by its rule."""

_ORDER = {rule: place for place, rule in enumerate(TROUBLES)}

_ENDED_BY_A_REPORT = ("stopped_reporting", "late", "never_reported")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open finding: `words` say what is wrong, after `title`; `message` is not for the public.

    `agent_ids` are whom it is about: several of one finding where they are missing together.
    """

    finding_id: UUID
    rule: str
    agent_ids: Sequence[str]
    title: str
    words: str
    severity: str
    since: datetime
    message: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class FleetState:
    """The verdict, as of the Auditor's last cycle at `judged_at`.

    `agents` are those that are not paused; `fine` of them have reported and have no trouble. `troubles` come
    the gravest first.
    """

    level: Level
    sentence: str
    agents: int
    fine: int
    paused: int
    waiting: int
    troubles: Sequence[Trouble]
    judged_at: datetime | None


async def fleet_state(session: AsyncSession, now: datetime, interval: timedelta) -> FleetState:
    """How the fleet stands; `interval` is the time between two of the Auditor's cycles."""
    judged_at = await last_cycle(session)
    troubles = await _troubles(session)
    total, paused, waiting = (await session.execute(_COUNTS)).one()
    stale = bool(total) and is_stale(judged_at, now, interval)
    severities = {trouble.severity for trouble in troubles if not trouble.acknowledged}
    return FleetState(
        level=level_of(severities, stale=stale),
        sentence=verdict(troubles, total, waiting, judged_at=judged_at, now=now, stale=stale),
        agents=total,
        fine=fine_agents(troubles, total, waiting),
        paused=paused,
        waiting=waiting,
        troubles=troubles,
        judged_at=judged_at,
    )


def is_open() -> ColumnElement[bool]:
    """That a finding is open, and not of an agent that has reported since: the next cycle closes that one."""
    last_known = func.coalesce(AuditFinding.last_run_at, AuditFinding.opened_at)
    reported_since = (
        select(AgentRunState.agent_id)
        .where(AgentRunState.agent_id == AuditFinding.agent_id, AgentRunState.last_created_at > last_known)
        .exists()
    )
    is_over = and_(AuditFinding.rule.in_(_ENDED_BY_A_REPORT), reported_since)
    return and_(AuditFinding.closed_at.is_(None), not_(is_over))


_OPEN = select(AuditFinding).where(is_open())


def level_of(severities: Collection[str], *, stale: bool) -> Level:
    """How the fleet is by the severities of its open findings that are not acknowledged."""
    if "critical" in severities:  # found by no cycle
        return "trouble"
    if stale:
        return "unknown"
    if "high" in severities:
        return "trouble"
    return "attention" if severities else "fine"


def is_stale(judged_at: datetime | None, now: datetime, interval: timedelta) -> bool:
    """Whether the Auditor's last cycle ended too long ago to tell how agents are."""
    return judged_at is None or now - judged_at > MISSED_CYCLES * interval


@dataclass(frozen=True, slots=True)
class AgentState:
    """How one agent is, in a word or two."""

    agent: Identity
    level: Level
    words: str


async def agent_state(session: AsyncSession, now: datetime, interval: timedelta, agent_id: str) -> AgentState:
    """How the agent is by its gravest trouble, as in `fleet_state`. Raises `NotFoundError`."""
    await require_known(session, agent_id)
    shown = identity_of(agent_id, await identities(session, [agent_id])).masked()
    is_own = AuditFinding.agent_id == agent_id
    found = await _troubles(session, or_(is_own, is_among_missing(agent_id)))
    troubles = [trouble for trouble in found if agent_id in trouble.agent_ids]
    if await session.scalar(select(IS_PAUSED).where(Agent.agent_id == agent_id)):
        return AgentState(shown, "unknown", "paused")
    if troubles:
        worst = min(troubles, key=_gravity)
        return AgentState(shown, level_of({worst.severity}, stale=False), worst.words)
    if is_stale(await last_cycle(session), now, interval):
        return AgentState(shown, "unknown", "not judged")
    if not await session.scalar(select(AgentRunState.runs).where(AgentRunState.agent_id == agent_id)):
        return AgentState(shown, "unknown", "no run yet")
    return AgentState(shown, "fine", "fine")


async def _troubles(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[Trouble]:
    found = list(await session.scalars(_OPEN.where(*conditions)))
    known = await identities(session, {finding.agent_id for finding in found})
    troubles = [
        Trouble(
            finding_id=finding.id,
            rule=finding.rule,
            agent_ids=(agent_ids := affected_agents(finding)),
            title=_title(finding, len(agent_ids), known),
            words=trouble_in_words(finding.rule),
            severity=finding.severity,
            since=_since(finding),
            message=finding.message,
            acknowledged=finding.acknowledged_at is not None,
        )
        for finding in found
    ]
    return sorted(troubles, key=lambda each: (each.acknowledged, *_gravity(each), each.since, each.title))


def trouble_in_words(rule: str) -> str:
    """What is wrong with an agent by a rule of `TROUBLES`, or by one of another version."""
    return TROUBLES.get(rule, rule.replace("_", " "))


def _title(finding: AuditFinding, agents: int, known: Mapping[str, Identity]) -> str:
    if title := TITLES.get(finding.rule):
        return title
    shown = identity_of(finding.agent_id, known).masked().title
    return shown if finding.rule != AGENTS_MISSING else f"{counted(agents, 'agent')}, first {shown}"


def _since(finding: AuditFinding) -> datetime:
    if finding.rule == "stopped_reporting" and finding.last_run_at:
        return finding.last_run_at
    return finding.began_at or moment_in(finding.evidence, "first_run", "created_at") or finding.opened_at


def _gravity(trouble: Trouble) -> tuple[int, int]:
    severity = SEVERITIES.index(trouble.severity) if trouble.severity in SEVERITIES else len(SEVERITIES)
    return severity, _ORDER.get(trouble.rule, len(_ORDER))


def _counting() -> Select[int, int, int]:
    """Agents that are not paused, those that are, and those of the former that have no run yet."""
    started = select(AgentRunStart.agent_id).distinct().subquery()
    known = func.coalesce(AgentRunState.agent_id, Agent.agent_id)
    return (
        select(
            func.count().filter(not_(IS_PAUSED)),
            func.count().filter(IS_PAUSED),
            func.count().filter(not_(IS_PAUSED), AgentRunState.agent_id.is_(None)),
        )
        .select_from(AgentRunState)
        .join(Agent, Agent.agent_id == AgentRunState.agent_id, full=True)
        .join(started, started.c.agent_id == known, full=True)
        .where(func.coalesce(known, started.c.agent_id) != AUDITOR)
    )


_COUNTS = _counting()


def verdict(
    troubles: Sequence[Trouble],
    total: int,
    waiting: int,
    *,
    judged_at: datetime | None,
    now: datetime,
    stale: bool,
) -> str:
    """How the log and `total` agents are in one sentence; `waiting` of them have not reported yet."""
    others = [trouble for trouble in troubles if trouble.rule != LOG_TAMPERED]
    if len(others) < len(troubles):
        of_agents = verdict(others, total, waiting, judged_at=judged_at, now=now, stale=stale)
        return f"The log is {TROUBLES[LOG_TAMPERED]}. {of_agents}"
    agents = counted(total, "agent")
    if not total:
        return "No agent has reported yet"
    if stale:
        them, since = "them" if total > 1 else "it", f"since {at(judged_at, now)}" if judged_at else "yet"
        return f"{agents}; the Auditor has not judged {them} {since}"
    if silent := next((trouble for trouble in troubles if trouble.rule == FLEET_SILENT), None):
        return f"Hardly any of {agents} has reported since {at(silent.since, now)}"
    fine = fine_agents(troubles, total, waiting)
    parts = ["The one agent is fine" if total == fine == 1 else f"{fine:,} of {agents} fine"]
    rest = _troubles_in_words(troubles, now)
    rest += [f"{waiting:,} yet to report"] if waiting else []
    return "; ".join([*parts, ", ".join(rest)] if rest else parts)


def fine_agents(troubles: Sequence[Trouble], total: int, waiting: int) -> int:
    """How many of `total` agents have reported and have no trouble."""
    troubled = {agent_id for trouble in troubles for agent_id in trouble.agent_ids}
    return max(0, total - waiting - len(troubled - {AUDITOR}))


def _troubles_in_words(troubles: Sequence[Trouble], now: datetime) -> list[str]:
    """Each agent once, by its gravest trouble: `2 late`, `1 silent since Tuesday`."""
    worst: dict[str, Trouble] = {}
    for trouble in sorted(troubles, key=_gravity):
        for agent_id in trouble.agent_ids:
            worst.setdefault(agent_id, trouble)
    counts = Counter(trouble.words for trouble in worst.values())
    since: dict[str, dict[UUID, datetime]] = defaultdict(dict)
    for trouble in worst.values():
        since[trouble.words][trouble.finding_id] = trouble.since
    return [
        f"{count:,} {words}"
        + (f" since {_day(next(iter(since[words].values())), now)}" if len(since[words]) == 1 else "")
        for words, count in counts.items()
    ]


def _day(moment: datetime, now: datetime) -> str:
    """When something began, in UTC, as people say it: an hour of today, a weekday, else the date."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    days = (now.date() - moment.date()).days
    if days == 0:
        return f"{moment:%H:%M} UTC"
    return f"{moment:%A}" if days < 7 else f"{moment:%Y-%m-%d}"
