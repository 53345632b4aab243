"""The steps of an audit cycle from the suspects on: load their histories, and judge them by the rules."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.domain.evaluation import Verdict, evaluate, suspecting
from app.audit.domain.finding import Finding, FindingKey
from app.audit.domain.history import AgentHistory
from app.audit.domain.liveness import Late, NeverReported, StoppedReporting
from app.audit.domain.missing import Grouping, MissingGroup, overdue_agent, regroup
from app.audit.domain.rule import Rule
from app.audit.domain.running_long import RunningLong
from app.audit.histories import agent_histories, deepened
from app.audit.known_outages import KnownOutages
from app.audit.known_starts import Starts
from app.audit.outages import FleetSilence, fleet_silence
from app.audit.prefilter import Prefiltered
from app.audit.successors import with_successors
from app.models import Agent
from app.models.agent_run_log import AUDITOR

_OVERDUE = frozenset({StoppedReporting.name, Late.name, RunningLong.name})


@dataclass(frozen=True, slots=True)
class CycleContext:
    """What the steps share, known before any run is read, at `now` of the database's clock.

    `depth` is how many of an agent's newest runs it takes to suspect it. `starts` are the runs under way,
    `open_keys` the findings of single agents that are open, and `groups` those that are missing together.
    """

    now: datetime
    rules: Sequence[Rule]
    depth: int
    declared: Mapping[str, Agent]
    outages: KnownOutages
    starts: Starts
    open_keys: Collection[FindingKey]
    groups: Sequence[MissingGroup]

    def stopped(self) -> set[str]:
        """The agents that are reported to have stopped, alone or together, or to be hung."""
        stopped = StoppedReporting.name, RunningLong.name
        alone = {agent_id for rule, agent_id in self.open_keys if rule in stopped}
        return alone | {agent_id for group in self.groups for agent_id in group.missing}

    def open_rules(self) -> Mapping[str, Collection[str]]:
        """Of each agent, the rules by which a finding is open."""
        rules = defaultdict(set)
        for rule, agent_id in self.open_keys:
            rules[agent_id].add(rule)
        return rules


class Judgement(NamedTuple):
    """What the rules say of the judged agents, by these histories; and since when the fleet is silent.

    Of those that are missing together the `grouping` says so, and not their verdicts.
    """

    verdicts: Sequence[Verdict]
    histories: Mapping[str, AgentHistory]
    silence: FleetSilence
    grouping: Grouping


async def load_histories(
    session: AsyncSession, context: CycleContext, found: Prefiltered, suspects: Sequence[str]
) -> tuple[dict[str, AgentHistory], list[str]]:
    """The suspects' histories, and those of them to be judged: a rule suspects them, or a finding is open.

    1. Load the newest few runs of each suspect.
    2. Ask each rule whether it suspects the agent by these.
    3. Load as much of the past as the suspecting rules need.
    """
    shallow = await agent_histories(
        session,
        context.now,
        context.depth,
        agent_ids=suspects,
        declared=context.declared,
        outages=context.outages,
        starts=context.starts,
    )
    histories = {
        agent_id: replace(
            history,
            quality=found.trends.get(agent_id),
            unscored=found.waiting.get(agent_id, ()),
            usage_stands_out=agent_id in found.snapshots and found.snapshots[agent_id].usage_stands_out,
        )
        for agent_id, history in shallow.items()
    }
    open_rules = context.open_rules()
    suspicions = {
        agent_id: suspecting(context.rules, history, open_rules.get(agent_id, ()))
        for agent_id, history in histories.items()
    }
    depth = max(calibration.HISTORY_DEPTH, context.depth)
    histories |= await deepened(session, histories, suspicions, depth, context.outages)
    judged = {agent_id for agent_id, suspecting_rules in suspicions.items() if suspecting_rules}
    return histories, sorted(judged | open_rules.keys() & histories.keys())


async def judge(
    session: AsyncSession,
    context: CycleContext,
    histories: Mapping[str, AgentHistory],
    judged: Sequence[str],
    reporting: Collection[str],
    *,
    silence_open: bool,
) -> Judgement:
    """Apply the rules to the `judged` agents; `reporting` are all agents that ever reported.

    1. Apply each rule to each agent.
    2. If the fleet's silence is an open finding, or an agent is about to be called overdue, see whether
       hardly any agent reports. If so, apply the rules again, with that as an outage.
    3. See which of those that are overdue are missing together.
    4. Name the agent that may have taken over from one that stopped.
    """
    verdicts = _apply(context, histories, judged)
    silence = FleetSilence()
    if silence_open or _newly_overdue(verdicts, context):
        awaited = set(reporting) - paused(histories) - {AUDITOR}
        silence = await fleet_silence(
            session, context.now, awaited, known=silence_open, stopped=context.stopped()
        )
    if silence.outage or silence.others_go_on:
        outages = context.outages.all.joined(silence.outage) if silence.outage else context.outages.over
        now_silent = [silence.outage] if silence.outage else []
        histories = {
            agent: replace(
                history,
                outages=outages.joined(*history.excused),
                unreachable=history.unreachable.joined(*now_silent),
            )
            for agent, history in histories.items()
        }
        verdicts = _apply(context, histories, judged)
    verdicts, grouping = _grouped(context, histories, verdicts, silence)
    verdicts = await with_successors(session, context.now, verdicts, set(reporting) - {AUDITOR})
    return Judgement(verdicts, histories, silence, grouping)


def paused(histories: Mapping[str, AgentHistory]) -> set[str]:
    """The agents that are paused, of those with a history."""
    return {agent_id for agent_id, history in histories.items() if history.paused}


def _apply(
    context: CycleContext, histories: Mapping[str, AgentHistory], judged: Sequence[str]
) -> list[Verdict]:
    open_rules = context.open_rules()
    return [evaluate(context.rules, histories[agent_id], open_rules.get(agent_id, ())) for agent_id in judged]


def _grouped(
    context: CycleContext,
    histories: Mapping[str, AgentHistory],
    verdicts: Sequence[Verdict],
    silence: FleetSilence,
) -> tuple[list[Verdict], Grouping]:
    """The verdicts without what is said of agents together, or not yet; and how these are grouped.

    Of an agent that hangs, and is overdue for it, that is said alone.
    """
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    hung = {each.agent_id for each in findings if each.rule == RunningLong.name}
    stopped = [each for each in findings if each.rule == StoppedReporting.name]
    grouping = regroup(
        context.now.timestamp(),
        [overdue_agent(histories[each.agent_id], each) for each in stopped],
        context.groups,
        {agent_id for rule, agent_id in context.open_keys if rule == StoppedReporting.name},
        _first_back(context, histories),
        silence.attendance,
    )

    together = {agent_id for group in grouping.groups for agent_id in group.missing}

    def is_reported(finding: Finding) -> bool:
        if finding.rule == RunningLong.name:
            return finding.agent_id not in together
        if finding.rule in (StoppedReporting.name, NeverReported.name) and finding.agent_id in hung:
            return False
        if finding.rule == StoppedReporting.name:
            return finding.agent_id in grouping.alone
        if finding.rule != Late.name or finding.key in context.open_keys:
            return True
        late = overdue_agent(histories[finding.agent_id], finding)
        is_missing = any(group.takes_in(late) for group in grouping.groups)
        return not is_missing and not silence.attendance.some_missing

    kept = [replace(verdict, findings=tuple(filter(is_reported, verdict.findings))) for verdict in verdicts]
    return kept, grouping


def _first_back(context: CycleContext, histories: Mapping[str, AgentHistory]) -> dict[str, float]:
    """When members of the groups reported again, those that did."""
    back = {}
    for group in context.groups:
        for agent_id in group.missing & histories.keys():
            later = [
                run.created_at.timestamp()
                for run in histories[agent_id].runs
                if run.created_at.timestamp() > group.since
            ]
            if later:
                back[agent_id] = min(later)
    return back


def _newly_overdue(verdicts: Iterable[Verdict], context: CycleContext) -> bool:
    missing = {agent_id for group in context.groups for agent_id in group.missing}
    return any(
        finding.rule in _OVERDUE and finding.key not in context.open_keys and finding.agent_id not in missing
        for verdict in verdicts
        for finding in verdict.findings
    )
