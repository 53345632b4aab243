"""What the Auditor and the list of agents judge by: each agent's runs and its declaration."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, String, any_, cast, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cadence import Outages
from app.audit.cadences import Declared, LearnedPast, learned_cadences
from app.audit.domain.history import AgentHistory, ReportedRun, read_schedule, readable_schedule
from app.audit.domain.rule import Rule
from app.audit.habits import known_habits
from app.audit.known_outages import KnownOutages
from app.audit.known_starts import Starts, known_durations
from app.audit.known_usage import known_usage
from app.kit.sql import IS_SILENT, OVERALL, WELL_DATED, newest_of_agent, wanted_agents
from app.models import Agent, AgentRunLog
from app.runs.scores import score_of
from app.runs.silence import is_quiet

SUMMARY_LENGTH = 2_000
"""Characters of a run's summary: more than a finding quotes or a list shows."""


async def declared_agents(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, Agent]:
    """Those of the agents that are declared, by id."""
    wanted = any_(literal(list(agent_ids), ARRAY(String)))
    found = await session.scalars(select(Agent).where(Agent.agent_id == wanted))
    return {agent.agent_id: agent for agent in found}


async def agent_histories(
    session: AsyncSession,
    now: datetime,
    depth: int,
    *,
    agent_ids: Sequence[str],
    declared: Mapping[str, Agent],
    outages: KnownOutages,
    starts: Starts,
) -> dict[str, AgentHistory]:
    """Of the agents those that reported, are `declared` or have a run under way: the newest `depth` runs."""
    runs = await newest_runs(session, agent_ids, depth)
    known = runs.keys() | (set(agent_ids) & (declared.keys() | starts.keys()))
    return histories_of(sorted(known), now, runs, declared=declared, outages=outages, starts=starts)


def histories_of(
    agent_ids: Iterable[str],
    now: datetime,
    runs: Mapping[str, tuple[ReportedRun, ...]],
    *,
    declared: Mapping[str, Agent],
    outages: KnownOutages,
    starts: Starts,
) -> dict[str, AgentHistory]:
    """The agents with these newest runs; one of which there are none has neither reported nor a date."""
    return {
        agent_id: AgentHistory(
            agent_id,
            now,
            runs.get(agent_id, ()),
            outages=outages.all.joined(*outages.excused.get(agent_id, ())),
            excused=tuple(outages.excused.get(agent_id, ())),
            unreachable=outages.unreachable,
            starts=starts.get(agent_id, ()),
            **_declaration(declared.get(agent_id), now),
        )
        for agent_id in agent_ids
    }


async def deepened(
    session: AsyncSession,
    histories: Mapping[str, AgentHistory],
    suspicions: Mapping[str, Sequence[Rule]],
    depth: int,
    outages: KnownOutages,
) -> dict[str, AgentHistory]:
    """The histories of the agents under suspicion, with what the suspecting rules need.

    Rules need the newest `depth` runs, how its runs go, what or how long they took, or the cadence, which is
    learned from what was reported apart from the `outages` that are over.
    """
    needs = {agent_id: {rule.needs for rule in rules} for agent_id, rules in suspicions.items() if rules}
    of_runs = [agent_id for agent_id, needed in needs.items() if "runs" in needed]
    of_past = [agent_id for agent_id, needed in needs.items() if "past" in needed]
    of_habits = [agent_id for agent_id, needed in needs.items() if "habits" in needed]
    of_usage = [agent_id for agent_id, needed in needs.items() if "usage" in needed]
    running = [agent_id for agent_id, needed in needs.items() if "durations" in needed]
    of_runs = sorted({*of_runs, *of_habits, *of_usage, *running})
    habits = await known_habits(session, of_habits)
    usage = await known_usage(session, of_usage)
    durations = await known_durations(session, running)
    runs = await newest_runs(session, of_runs, depth, by_payload=True) if of_runs else {}
    declared = {agent_id: _declared(histories[agent_id]) for agent_id in of_past}
    learned = await learned_cadences(session, declared, outages)
    return {
        agent_id: replace(
            histories[agent_id],
            runs=runs.get(agent_id, histories[agent_id].runs),
            **_past(histories[agent_id], learned.get(agent_id)),
            known_habits=habits.get(agent_id),
            known_usage=usage.get(agent_id),
            durations=durations.get(agent_id, ()),
        )
        for agent_id in needs
    }


def _past(history: AgentHistory, learned: LearnedPast | None) -> dict[str, Any]:
    """What was learned of an agent, and the holidays that it takes off."""
    if learned is None:
        return {"learned_past": None}
    return {
        "learned_past": learned.value,
        "outages": history.outages.joined(*learned.days_off),
        "excused": (*history.excused, *learned.days_off),
    }


def declared_schedule(agent: Agent | None) -> Declared | None:
    """The schedule that is declared and its grace; None where none is, or none that can be read."""
    schedule = read_schedule(agent.schedule, agent.timezone) if agent and agent.schedule else None
    if agent is None or schedule is None or isinstance(schedule, str):
        return None
    return schedule, _grace(agent)


def _grace(agent: Agent) -> timedelta | None:
    return None if agent.grace_seconds is None else timedelta(seconds=agent.grace_seconds)


def _declared(history: AgentHistory) -> Declared | None:
    schedule = readable_schedule(history)
    return (schedule, history.grace) if schedule else None


def reported_history(
    agent: Agent, now: datetime, reports: Iterable[datetime], outages: Outages
) -> AgentHistory:
    """A declared agent of which no more is known than when it reported, newest first."""
    runs = tuple(ReportedRun("", "success", reported_at) for reported_at in reports)
    return AgentHistory(agent.agent_id, now, runs, outages=outages, **_declaration(agent, now))


def _declaration(agent: Agent | None, now: datetime) -> dict[str, Any]:
    if agent is None:
        return {}
    until = agent.paused_until
    over = until if until and until <= now else None
    resumed = [moment for moment in (agent.resumed_at, over) if moment]
    return {
        "schedule": agent.schedule,
        "timezone": agent.timezone,
        "grace": _grace(agent),
        "paused": agent.paused or (until is not None and until > now),
        "watching_since": max(resumed, default=None),
        "registered_at": agent.created_at,
    }


async def newest_runs(
    session: AsyncSession,
    agent_ids: Sequence[str],
    depth: int,
    *,
    by_payload: bool = False,
) -> dict[str, tuple[ReportedRun, ...]]:
    """Each agent's newest `depth` runs, newest first; by default without a look at their payloads.

    Then those are silent that were counted so when they were recorded, or whose summary is quiet.
    """
    wanted = wanted_agents(agent_ids)
    columns = (
        cast(AgentRunLog.id, String).label("id"),
        AgentRunLog.status,
        AgentRunLog.created_at,
        AgentRunLog.consecutive_silence_count,
        func.left(AgentRunLog.action_summary, SUMMARY_LENGTH),
        OVERALL.label("overall"),
        AgentRunLog.actions_taken.is_(None).label("erased"),
        (IS_SILENT if by_payload else AgentRunLog.consecutive_silence_count > 0).label("silent"),
    )
    newest = newest_of_agent(columns, wanted.c.agent_id, depth, WELL_DATED).lateral()
    statement = select(wanted, newest).join(newest, true())
    runs: dict[str, list[ReportedRun]] = defaultdict(list)
    found = await session.execute(statement)
    for agent_id, run_id, status, at, count, summary, overall, erased, silent in found:
        silent = silent or (not (by_payload or erased) and is_quiet(summary or ""))
        runs[agent_id].append(ReportedRun(run_id, status, at, count, summary, score_of(overall), silent))
    return {
        agent_id: tuple(sorted(of_agent, key=lambda run: (run.created_at, run.id), reverse=True))
        for agent_id, of_agent in runs.items()
    }
