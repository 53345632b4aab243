"""Which agents are judged: those that the prefilter does not show to be well."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from app.audit.cadence import Lateness, Outages
from app.audit.domain.evaluation import RuleError, isolated
from app.audit.domain.history import AgentHistory, readable_schedule
from app.audit.domain.liveness import Late
from app.audit.histories import reported_history
from app.audit.judgement import Batch, CycleContext
from app.audit.prefilter import Snapshot
from app.models import Agent


class Suspects(NamedTuple):
    """The agents that a rule may suspect, by id; until when none does the others without a further run."""

    agent_ids: Sequence[str]
    well_until: Mapping[str, datetime]


def suspects(context: CycleContext, batch: Batch) -> Suspects:
    """Those of the agents of a batch that a rule may suspect.

    An agent is a suspect if its snapshot does not show it to be well or, where it is declared, on time, or if
    it is watched for another reason.
    """
    well_until = {}
    for agent_id in batch.agent_ids:
        if agent_id in context.watched:
            continue
        snapshot, declared = batch.snapshots.get(agent_id), batch.declared.get(agent_id)
        if declared:
            moment = _on_time_until(declared, snapshot, context.now, context.outages.all)
        else:
            moment = snapshot.well_until(context.now) if snapshot else None
        if moment is not None:
            well_until[agent_id] = moment
    return Suspects([each for each in batch.agent_ids if each not in well_until], well_until)


def _on_time_until(
    agent: Agent, snapshot: Snapshot | None, now: datetime, outages: Outages
) -> datetime | None:
    """Until when no rule can suspect a declared agent, seen from its newest runs; None where one may now."""
    if snapshot is None or not snapshot.sound:
        return None
    history = reported_history(agent, now, snapshot.reports or (), outages)
    if history.paused:
        return None
    if not history.schedule:
        return snapshot.well_until(now)
    # A schedule that never comes again raises an error, and the rules say so.
    never_late_before = isolated(Late.name, agent.agent_id, lambda: _never_late_before(history))
    if never_late_before is None or isinstance(never_late_before, RuleError) or now >= never_late_before:
        return None
    return never_late_before


def _never_late_before(history: AgentHistory) -> datetime | None:
    schedule = readable_schedule(history)
    if not schedule or not history.runs:
        return None
    since = max(history.runs[0].created_at, history.watching_since or history.runs[0].created_at)
    return Lateness(schedule, history.grace).never_late_before(since)
