"""The agents: what is declared of each, and how each is doing now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, Literal

from sqlalchemy import and_, case, func, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identify
from app.agents.registry import NO_SUCH_AGENT, identities, known_ids
from app.agents.similar import similar_ids
from app.audit.cadence import Cadence, Outages, parse_schedule
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.evaluation import RuleError, evaluate, isolated, suspecting
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.liveness import StoppedReporting
from app.audit.histories import agent_histories, declared_agents, deepened
from app.audit.outages import known_outages
from app.audit.settings import AuditSettings
from app.errors import NotFoundError
from app.kit.sql import database_now, wanted_agents, well_dated
from app.kit.times import WEEK
from app.models import Agent, AgentRunState
from app.runs.window_sums import Quality, agent_scores_since

_OVERDUE = StoppedReporting()

State = Literal["new", "up", "down", "unknown", "paused"]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent as it stands.

    `state` is `new` (no dated run yet), `up`, `down` (overdue), `unknown` (it would be, had all been able to
    report; or it could not be judged) or `paused`. Streaks count its newest runs in a row; failures are
    counted among the newest 50.
    `similar_to` are other agents whose ids look like its own.
    """

    agent_id: str
    identity: Identity
    declared: Agent | None
    state: State
    cadence: str | None
    last_run: ReportedRun | None
    last_success_at: datetime | None
    consecutive_failures: int
    consecutive_silences: int
    quality_7d: Quality
    similar_to: Sequence[str] = ()


async def agent_status(session: AsyncSession, settings: AuditSettings, agent_id: str) -> AgentStatus:
    """How one agent is doing. Raises `NotFoundError`."""
    statuses = await agent_statuses(session, settings, agent_id)
    if not statuses:
        raise NotFoundError(NO_SUCH_AGENT)
    return statuses[0]


async def agent_statuses(
    session: AsyncSession, settings: AuditSettings, agent_id: str | None = None
) -> list[AgentStatus]:
    """Every agent that reported or is declared, by id; or `agent_id` alone."""
    now = await database_now(session)
    outages = await known_outages(session, now, settings)
    declared = await declared_agents(session)
    only = None if agent_id is None else [agent_id]
    histories = await agent_histories(
        session, now, HISTORY_DEPTH, agent_ids=only, declared=declared, outages=outages
    )
    ids = await known_ids(session)
    # All of whose runs have no date, or one out of reach: written by another program.
    undated = ids.difference(histories) if only is None else ids.intersection(only).difference(histories)
    histories = dict(sorted({**histories, **{each: AgentHistory(each, now, ()) for each in undated}}.items()))
    suspects = {
        each: [_OVERDUE] for each, history in histories.items() if only or suspecting([_OVERDUE], history)
    }
    histories |= await deepened(session, histories, suspects, HISTORY_DEPTH, outages)
    known = await identities(session)
    successes = await _last_successes(session, list(histories))
    qualities = await _qualities(session, now - WEEK, list(histories))
    similar = similar_ids(ids)
    return [
        AgentStatus(
            agent_id=each,
            identity=known.get(each) or identify(each),
            declared=declared.get(each),
            state=_state(history),
            cadence=_cadence(history),
            last_run=history.runs[0] if history.runs else None,
            last_success_at=successes.get(each),
            consecutive_failures=len(list(takewhile(lambda run: run.status == "failed", history.runs))),
            consecutive_silences=history.runs[0].silence_count if history.runs else 0,
            quality_7d=qualities.get(each, Quality()),
            similar_to=similar.get(each, ()),
        )
        for each, history in histories.items()
    ]


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


def _cadence(history: AgentHistory) -> str | None:
    if history.schedule:
        try:
            return str(parse_schedule(history.schedule, history.timezone))
        except ValueError as error:
            return str(error)
    described = isolated(_OVERDUE.name, history.agent_id, lambda: _describe(history.learned))
    return None if isinstance(described, RuleError) else described


def _describe(cadence: Cadence) -> str | None:
    return str(cadence) if cadence.has_cadence else None


async def declare_agent(session: AsyncSession, agent_id: str, declaration: Mapping[str, Any]) -> None:
    """Put the agent's registry entry: what `declaration` leaves out is unset."""
    entry = insert(Agent).values(agent_id=agent_id, **declaration)
    resumes = and_(Agent.paused, not_(entry.excluded.paused))
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[Agent.agent_id],
            set_={
                **{name: entry.excluded[name] for name in declaration},
                "resumed_at": case((resumes, func.now()), else_=Agent.resumed_at),
                "updated_at": func.now(),
            },
        )
    )
