"""Which agents are judged: those that the prefilter does not show to be well."""

from datetime import datetime

from app.audit import calibration
from app.audit.cadence import Lateness, Outages
from app.audit.domain.evaluation import RuleError, isolated
from app.audit.domain.history import AgentHistory, readable_schedule
from app.audit.domain.liveness import Late
from app.audit.histories import reported_history
from app.audit.judgement import CycleContext
from app.audit.prefilter import Prefiltered, Snapshot
from app.models import Agent
from app.models.agent_run_log import AUDITOR


def suspects(context: CycleContext, found: Prefiltered) -> list[str]:
    """The agents that a rule may suspect, by id.

    An agent is a suspect if its snapshot does not show it to be well or, where it is declared, on time; if
    its scores may have dropped; if a run of it has waited too long for a score; if one has been under way for
    some minutes; or if a finding of it is open.
    """
    snapshots, declared = found.snapshots, context.declared
    not_well = {agent_id for agent_id, snapshot in snapshots.items() if not snapshot.well} | declared.keys()
    on_time = {
        agent_id
        for agent_id in declared.keys() & snapshots.keys()
        if _is_on_time(declared[agent_id], snapshots[agent_id], context.now, context.outages.all)
    }
    of_findings = context.open_rules().keys() | {each for group in context.groups for each in group.missing}
    running = {
        agent_id
        for agent_id, starts in context.starts.items()
        if any(context.now - start.began_at >= calibration.LEAST_GRACE for start in starts)
    }
    suspected = not_well - on_time | found.trends.keys() | found.waiting.keys() | running | of_findings
    return sorted(suspected - {AUDITOR})


def _is_on_time(agent: Agent, snapshot: Snapshot, now: datetime, outages: Outages) -> bool:
    """Whether no rule can suspect a declared agent, seen from its newest runs."""
    history = reported_history(agent, now, snapshot.reports or (), outages)
    if history.paused or not snapshot.sound:
        return False
    if not history.schedule:
        return snapshot.well
    # A schedule that never comes again raises an error, and the rules say so.
    never_late_before = isolated(Late.name, agent.agent_id, lambda: _never_late_before(history))
    if never_late_before is None or isinstance(never_late_before, RuleError):
        return False
    return now < never_late_before


def _never_late_before(history: AgentHistory) -> datetime | None:
    schedule = readable_schedule(history)
    if not schedule or not history.runs:
        return None
    since = max(history.runs[0].created_at, history.watching_since or history.runs[0].created_at)
    return Lateness(schedule, history.grace).never_late_before(since)
