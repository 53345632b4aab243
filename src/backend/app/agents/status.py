"""The agents: what is declared of each, and how each is doing now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.look_alikes import look_alikes
from app.agents.recent_past import RecentPast, full_pasts, recent_pasts
from app.agents.registry import identities, require_known
from app.audit.cadence import Cadence, Outages, Schedule, parse_schedule
from app.audit.cadences import Learned
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.evaluation import RuleError, evaluate, isolated, suspecting
from app.audit.domain.history import AgentHistory, ReportedRun, expect_by, readable_schedule
from app.audit.domain.liveness import StoppedReporting
from app.audit.domain.rule import Rule
from app.audit.domain.running_long import RunningLong
from app.audit.histories import declared_agents, deepened, histories_of
from app.audit.known_starts import known_starts
from app.audit.outages import known_outages
from app.audit.settings import AuditSettings
from app.kit.sql import agent_by_agent, database_now, wanted_agents, well_dated
from app.kit.times import WEEK
from app.models import Agent, AgentRunState
from app.runs.window_sums import Quality, agent_scores_since

_OVERDUE = StoppedReporting()
_RUNNING = RunningLong()

State = Literal["new", "up", "down", "unknown", "paused"]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent as it stands.

    `state` is `new` (no dated run yet), `up`, `down` (overdue), `unknown` (it would be, had all been able to
    report; or it could not be judged) or `paused`. Streaks count its newest runs in a row; failures are
    counted among the newest 50.
    `next_expected` is when its next report is due, or by when it has come so far where that is learned; it is
    past where the report has not come, and None where nothing is expected. `running_since` is when the run
    started that has been under way for longest, None where none is. `similar_to` are other agents
    whose ids look like its own.
    """

    agent_id: str
    identity: Identity
    declared: Agent | None
    past: RecentPast
    state: State
    cadence: str | None
    next_expected: datetime | None
    running_since: datetime | None
    last_success_at: datetime | None
    quality_7d: Quality
    similar_to: Sequence[str] = ()

    @property
    def last_run(self) -> ReportedRun | None:
        """Its newest dated run."""
        return self.past.runs[0] if self.past.runs else None

    @property
    def consecutive_failures(self) -> int:
        """How many of its newest runs in a row failed."""
        return len(list(takewhile(lambda run: run.status == "failed", self.past.runs)))

    @property
    def consecutive_silences(self) -> int:
        """How many of its newest runs in a row were silent."""
        return self.past.runs[0].silence_count if self.past.runs else 0

    @property
    def observed_cadence(self) -> str | None:
        """The cadence that its newest reports show, in words, whatever is declared; None without one."""
        return _cadence_in_words(self.agent_id, lambda: self.past.habit)


async def agent_status(session: AsyncSession, settings: AuditSettings, agent_id: str) -> AgentStatus:
    """How one agent is doing, by all of its past that matters. Raises `NotFoundError`."""
    await require_known(session, agent_id)
    (status,) = await agent_statuses(session, settings, [agent_id], in_depth=True)
    return status


async def agent_statuses(
    session: AsyncSession, settings: AuditSettings, agent_ids: Sequence[str], *, in_depth: bool = False
) -> list[AgentStatus]:
    """How the agents are doing, in their order: each has reported, is declared or has a run under way.

    The past beyond its newest runs is read of an agent that may be overdue, and `in_depth` of all of them;
    how long its runs take of one that is running. Not `in_depth`, of the runs only the newest has a summary.
    """
    now = await database_now(session)
    outages = await known_outages(session, now, settings)
    declared = await declared_agents(session, agent_ids)
    read_pasts = full_pasts if in_depth else recent_pasts
    async with agent_by_agent(session):
        pasts = await read_pasts(session, agent_ids, declared, outages)
        histories = histories_of(
            agent_ids,
            now,
            {agent_id: past.runs for agent_id, past in pasts.items()},
            declared=declared,
            outages=outages,
            starts=await known_starts(session, agent_ids),
        )
        suspects = {
            agent_id: rules
            for agent_id, history in histories.items()
            if (rules := _rules_of(history, in_depth=in_depth))
        }
        histories |= await deepened(session, histories, suspects, HISTORY_DEPTH, outages)
    facts = await _facts(session, now, agent_ids)
    nothing = RecentPast()
    return [
        _status(history, declared.get(agent_id), pasts.get(agent_id, nothing), facts)
        for agent_id, history in histories.items()
    ]


class _Facts(NamedTuple):
    """What is shown of agents and is no matter of judgement."""

    known: Mapping[str, Identity]
    successes: Mapping[str, datetime | None]
    qualities: Mapping[str, Quality]
    look_alikes: Mapping[str, Sequence[str]]


async def _facts(session: AsyncSession, now: datetime, agent_ids: Sequence[str]) -> _Facts:
    return _Facts(
        known=await identities(session, agent_ids),
        successes=await _last_successes(session, agent_ids),
        qualities=await _qualities(session, now - WEEK, agent_ids),
        look_alikes=await look_alikes(session),
    )


def _status(history: AgentHistory, declared: Agent | None, past: RecentPast, facts: _Facts) -> AgentStatus:
    agent_id = history.agent_id
    # What is learned from its newest runs tells when it comes; it is judged overdue by no less than all.
    shown = history if history.learned_past is not None else replace(history, learned_past=past.learned)
    return AgentStatus(
        agent_id=agent_id,
        identity=identity_of(agent_id, facts.known),
        declared=declared,
        past=past,
        state=_state(history),
        cadence=_cadence(shown),
        next_expected=_next_expected(shown),
        running_since=_running_since(shown),
        last_success_at=facts.successes.get(agent_id),
        quality_7d=facts.qualities.get(agent_id, Quality()),
        similar_to=facts.look_alikes.get(agent_id, ()),
    )


def _rules_of(history: AgentHistory, *, in_depth: bool) -> list[Rule]:
    """The rules that an agent's state depends on and that need more of it than its newest runs."""
    rules: list[Rule] = [_OVERDUE] if in_depth or suspecting([_OVERDUE], history) else []
    return [*rules, _RUNNING] if history.starts else rules


async def _last_successes(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, datetime | None]:
    wanted = wanted_agents(agent_ids)
    known, success = AgentRunState.agent_id == wanted.c.agent_id, AgentRunState.last_success_at
    statement = select(AgentRunState.agent_id, success).join(wanted, known).where(well_dated(success))
    return dict((await session.execute(statement)).all())


async def _qualities(session: AsyncSession, since: datetime, agent_ids: Sequence[str]) -> dict[str, Quality]:
    rows = await session.execute(agent_scores_since(agent_ids, since))
    return {agent_id: Quality.of(overall_sum, scored) for agent_id, overall_sum, scored in rows}


def _state(history: AgentHistory) -> State:
    if history.paused:
        return "paused"
    if not history.runs:
        return "new"
    verdict = evaluate([_OVERDUE], history)
    if verdict.errors:
        return "unknown"
    if verdict.findings:
        return "down"
    return "unknown" if evaluate([_OVERDUE], replace(history, outages=Outages())).findings else "up"


def _running_since(history: AgentHistory) -> datetime | None:
    running = isolated(_RUNNING.name, history.agent_id, lambda: history.running)
    return None if running is None or isinstance(running, RuleError) else running.start.began_at


def _cadence(history: AgentHistory) -> str | None:
    if history.schedule:
        try:
            return str(parse_schedule(history.schedule, history.timezone))
        except ValueError as error:
            return str(error)
    return _cadence_in_words(history.agent_id, lambda: history.learned)


def _cadence_in_words(agent_id: str, learned: Callable[[], Learned]) -> str | None:
    def described() -> str | None:
        cadence = learned()
        return str(cadence) if isinstance(cadence, Cadence) and cadence.has_cadence else None

    found = isolated(_OVERDUE.name, agent_id, described)
    return None if isinstance(found, RuleError) else found


def _next_expected(history: AgentHistory) -> datetime | None:
    expected = isolated(_OVERDUE.name, history.agent_id, lambda: _expected(history))
    return None if isinstance(expected, RuleError) else expected


def _expected(history: AgentHistory) -> datetime | None:
    if history.paused:
        return None
    if schedule := readable_schedule(history):
        return _due(history, schedule)
    expected = history.expected
    return expected.by if expected and history.learned.has_cadence else None


def _due(history: AgentHistory, schedule: Schedule) -> datetime | None:
    """When it is due by its schedule; without a run yet, for the first time."""
    if history.runs:
        return history.expected.by if history.expected else None
    since = max((each for each in (history.registered_at, history.watching_since) if each), default=None)
    return expect_by(schedule, history, since).due if since else None
