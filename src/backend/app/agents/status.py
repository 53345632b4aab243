"""The agents: what is declared of each, and how each is doing now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.registry import NO_SUCH_AGENT, identities, known_ids
from app.agents.similar import similar_ids
from app.audit.cadence import Cadence, Outages, Schedule, parse_schedule
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.evaluation import RuleError, evaluate, isolated, suspecting
from app.audit.domain.history import AgentHistory, ReportedRun, expect_by, readable_schedule
from app.audit.domain.liveness import StoppedReporting
from app.audit.domain.rule import Rule
from app.audit.domain.running_long import RunningLong
from app.audit.histories import agent_histories, declared_agents, deepened
from app.audit.known_starts import known_starts
from app.audit.outages import known_outages
from app.audit.settings import AuditSettings
from app.errors import NotFoundError
from app.kit.sql import database_now, wanted_agents, well_dated
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
    history: AgentHistory
    state: State
    cadence: str | None
    next_expected: datetime | None
    running_since: datetime | None
    last_run: ReportedRun | None
    last_success_at: datetime | None
    consecutive_failures: int
    consecutive_silences: int
    quality_7d: Quality
    similar_to: Sequence[str] = ()


async def agent_status(session: AsyncSession, settings: AuditSettings, agent_id: str) -> AgentStatus:
    """How one agent is doing, by all of its past that matters. Raises `NotFoundError`."""
    statuses = await agent_statuses(session, settings, [agent_id], in_depth=True)
    if not statuses:
        raise NotFoundError(NO_SUCH_AGENT)
    return statuses[0]


async def agent_statuses(
    session: AsyncSession,
    settings: AuditSettings,
    agent_ids: Sequence[str] | None = None,
    *,
    in_depth: bool = False,
) -> list[AgentStatus]:
    """Every agent that reported, is declared or has a run under way, by id; or those of `agent_ids`.

    The past beyond its newest runs is read of an agent that may be overdue, and `in_depth` of all of them;
    how long its runs take of one that is running.
    """
    now = await database_now(session)
    outages = await known_outages(session, now, settings)
    declared = await declared_agents(session, agent_ids)
    histories = await agent_histories(
        session,
        now,
        HISTORY_DEPTH,
        agent_ids=agent_ids,
        declared=declared,
        outages=outages,
        starts=await known_starts(session, agent_ids),
    )
    ids = await known_ids(session)
    # All of whose runs have no date, or one out of reach: written by another program.
    undated = (ids if agent_ids is None else ids.intersection(agent_ids)).difference(histories)
    histories = dict(sorted({**histories, **{each: AgentHistory(each, now, ()) for each in undated}}.items()))
    suspects = {
        each: rules for each, history in histories.items() if (rules := _rules_of(history, in_depth=in_depth))
    }
    histories |= await deepened(session, histories, suspects, HISTORY_DEPTH, outages)
    known = await identities(session, agent_ids)
    successes = await _last_successes(session, list(histories))
    qualities = await _qualities(session, now - WEEK, list(histories))
    similar = similar_ids(ids)
    return [
        AgentStatus(
            agent_id=each,
            identity=identity_of(each, known),
            declared=declared.get(each),
            history=history,
            state=_state(history),
            cadence=_cadence(history),
            next_expected=_next_expected(history),
            running_since=_running_since(history),
            last_run=history.runs[0] if history.runs else None,
            last_success_at=successes.get(each),
            consecutive_failures=len(list(takewhile(lambda run: run.status == "failed", history.runs))),
            consecutive_silences=history.runs[0].silence_count if history.runs else 0,
            quality_7d=qualities.get(each, Quality()),
            similar_to=similar.get(each, ()),
        )
        for each, history in histories.items()
    ]


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
    described = isolated(_OVERDUE.name, history.agent_id, lambda: _describe(history.learned))
    return None if isinstance(described, RuleError) else described


def observed_cadence(history: AgentHistory) -> str | None:
    """The cadence that its newest reports show, in words, whatever is declared; None where they show none."""
    described = isolated(
        _OVERDUE.name,
        history.agent_id,
        lambda: _describe(Cadence.of(reversed(history.reports), history.outages)),
    )
    return None if isinstance(described, RuleError) else described


def _describe(cadence: Cadence) -> str | None:
    return str(cadence) if cadence.has_cadence else None


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
