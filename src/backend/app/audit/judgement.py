"""The steps of an audit cycle from the suspects on: load their histories, and judge them by the rules."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cadence.calibration import LEAST_GRACE
from app.audit.domain.evaluation import Verdict, evaluate, settled_until, suspecting
from app.audit.domain.finding import Finding, FindingKey
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.liveness import Late, NeverReported, StoppedReporting
from app.audit.domain.missing import Grouping, MissingGroup, overdue_agent, regroup
from app.audit.domain.quality import QualityTrend
from app.audit.domain.rule import Rule
from app.audit.domain.running_long import RunningLong
from app.audit.histories import agent_histories, deepened
from app.audit.known_outages import KnownOutages
from app.audit.known_starts import Starts
from app.audit.outages import FleetSilence, fleet_silence
from app.audit.outlook import reporting_agents
from app.audit.prefilter import Snapshot
from app.audit.successors import with_successors
from app.models import Agent
from app.models.agent_run_log import AUDITOR

_OVERDUE = frozenset({StoppedReporting.name, Late.name, RunningLong.name})


@dataclass(frozen=True)
class CycleContext:
    """What the steps share, known before any run is read, at `now` of the database's clock.

    `depth` is how many of an agent's newest runs it takes to suspect it. `starts` are the runs under way,
    `trends` those of agents whose scores may have dropped, and `waiting` runs that have waited too long for
    theirs. `open_keys` are the findings of single agents that are open, and `groups` those that are missing
    together.
    """

    now: datetime
    rules: Sequence[Rule]
    depth: int
    outages: KnownOutages
    starts: Starts
    trends: Mapping[str, QualityTrend]
    waiting: Mapping[str, tuple[ReportedRun, ...]]
    open_keys: Collection[FindingKey]
    groups: Sequence[MissingGroup]

    @cached_property
    def watched(self) -> frozenset[str]:
        """The agents that are judged in any case.

        A finding of them is open; their scores may have dropped; or a run of them has waited too long for a
        score, or has been under way for some minutes.
        """
        running = {
            agent_id
            for agent_id, starts in self.starts.items()
            if any(self.now - start.began_at >= LEAST_GRACE for start in starts)
        }
        missing = {agent_id for group in self.groups for agent_id in group.missing}
        of_scores = self.trends.keys() | self.waiting.keys()
        return frozenset((of_scores | running | missing | self.open_rules.keys()) - {AUDITOR})

    def stopped(self) -> set[str]:
        """The agents that are reported to have stopped, alone or together, or to be hung."""
        stopped = StoppedReporting.name, RunningLong.name
        alone = {agent_id for rule, agent_id in self.open_keys if rule in stopped}
        return alone | {agent_id for group in self.groups for agent_id in group.missing}

    @cached_property
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


class Batch(NamedTuple):
    """Some agents, by id: what is declared of them, and what the prefilter saw of those that reported."""

    agent_ids: Sequence[str]
    declared: Mapping[str, Agent]
    snapshots: Mapping[str, Snapshot]


class Sieved(NamedTuple):
    """The histories of the suspects of which something is found, or is open; and those of them to be judged.

    Of the other suspects it is `settled` until when nothing can be found of them with no further run; None
    where no time brings that.
    """

    histories: Mapping[str, AgentHistory]
    judged: set[str]
    settled: Mapping[str, datetime | None]


async def sieve(
    session: AsyncSession, context: CycleContext, batch: Batch, suspects: Sequence[str]
) -> Sieved:
    """Judge the suspects of a batch, and leave out those of which nothing is found.

    1. Load the newest few runs of each suspect.
    2. Ask each rule whether it suspects the agent by these.
    3. Load as much of the past as the suspecting rules need.
    4. Apply these rules: one that does not suspect an agent finds nothing.
    """
    histories, suspicions = await _load_histories(session, context, batch, suspects)
    kept, judged = {}, set()
    settled: dict[str, datetime | None] = {}
    for agent_id, history in histories.items():
        suspecting_rules, open_rules = suspicions[agent_id], context.open_rules.get(agent_id, ())
        found = evaluate(suspecting_rules, history, open_rules)
        if agent_id in context.watched or found.findings or found.errors:
            kept[agent_id] = history
            if suspecting_rules or open_rules:
                judged.add(agent_id)
        elif history.paused:
            settled[agent_id] = batch.declared[agent_id].paused_until
        else:
            settled[agent_id] = settled_until(context.rules, history, suspecting_rules)
    return Sieved(kept, judged, settled)


async def _load_histories(
    session: AsyncSession, context: CycleContext, batch: Batch, suspects: Sequence[str]
) -> tuple[dict[str, AgentHistory], dict[str, list[Rule]]]:
    """The suspects' histories, as deep as the rules need that suspect them; and these rules."""
    shallow = await agent_histories(
        session,
        context.now,
        context.depth,
        agent_ids=suspects,
        declared=batch.declared,
        outages=context.outages,
        starts=context.starts,
    )
    histories = {
        agent_id: replace(
            history,
            quality=context.trends.get(agent_id),
            unscored=context.waiting.get(agent_id, ()),
            usage_stands_out=agent_id in batch.snapshots and batch.snapshots[agent_id].usage_stands_out,
        )
        for agent_id, history in shallow.items()
    }
    suspicions = {
        agent_id: suspecting(context.rules, history, context.open_rules.get(agent_id, ()))
        for agent_id, history in histories.items()
    }
    depth = max(calibration.HISTORY_DEPTH, context.depth)
    histories |= await deepened(session, histories, suspicions, depth, context.outages)
    return histories, suspicions


async def judge(
    session: AsyncSession,
    context: CycleContext,
    histories: Mapping[str, AgentHistory],
    judged: Collection[str],
    known_silence: FleetSilence | None,
) -> Judgement:
    """Apply the rules to the `judged` agents; a `known_silence` is in the context's outages already.

    1. Apply each rule to each agent.
    2. If an agent is about to be called overdue, see whether hardly any agent reports. If so, apply the rules
       again, with that as an outage.
    3. See which of those that are overdue are missing together.
    4. Name the agent that may have taken over from one that stopped.
    """
    in_order = sorted(judged)
    verdicts = _apply(context, histories, in_order)
    silence = known_silence or FleetSilence()
    if known_silence is None and _newly_overdue(verdicts, context):
        silence = await find_silence(session, context, is_known=False)
        if silence.outage or silence.others_go_on:
            outages = context.outages.given(silence.outage)
            histories = {
                agent: replace(
                    history,
                    outages=outages.all.joined(*history.excused),
                    unreachable=outages.unreachable,
                )
                for agent, history in histories.items()
            }
            verdicts = _apply(context, histories, in_order)
    verdicts, grouping = _grouped(context, histories, verdicts, silence)
    return Judgement(await with_successors(session, context.now, verdicts), histories, silence, grouping)


async def find_silence(session: AsyncSession, context: CycleContext, *, is_known: bool) -> FleetSilence:
    """Since when hardly any agent reports, if so; `is_known` is whether a finding says so already."""
    awaited = [agent_id for agent_id, is_paused in (await reporting_agents(session)).items() if not is_paused]
    return await fleet_silence(session, context.now, awaited, known=is_known, stopped=context.stopped())


def _apply(
    context: CycleContext, histories: Mapping[str, AgentHistory], judged: Sequence[str]
) -> list[Verdict]:
    return [
        evaluate(context.rules, histories[agent_id], context.open_rules.get(agent_id, ()))
        for agent_id in judged
    ]


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
