"""The Auditor's cycle: it judges each agent by its runs, and stores findings when they open and close."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from time import monotonic

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.domain.evaluation import RuleError, all_rules
from app.audit.domain.finding import FindingKey
from app.audit.domain.fleet import FLEET_SILENT, OTHERS_GO_ON, REPORTING_AGAIN, fleet_silent
from app.audit.domain.history import AgentHistory
from app.audit.domain.missing import (
    AGENTS_MISSING,
    UNREADABLE,
    Grouping,
    MissingGroup,
    agents_missing,
    back_again,
    joined,
)
from app.audit.domain.running_long import RunningLong
from app.audit.domain.scores import QualityDrop
from app.audit.domain.tampering import LOG_TAMPERED
from app.audit.domain.transitions import Transitions, transitions
from app.audit.findings import JUDGED, close, open_findings, open_new, update_changed
from app.audit.histories import declared_agents
from app.audit.judgement import Batch, CycleContext, Judgement, find_silence, judge, sieve
from app.audit.known_starts import known_starts
from app.audit.outages import known_outages
from app.audit.outlook import Outlook, count_audited, keep_outlook, read_outlook
from app.audit.prefilter import prefilter
from app.audit.quality import ReadTrends, keep_trends, read_trends, waiting_runs
from app.audit.settings import AuditSettings
from app.audit.suspects import suspects
from app.kit.sql import agent_by_agent, database_now
from app.models import AuditFinding
from app.models.agent_run_log import AUDITOR

_LOCK = 0x41554449544F52  # any number that nothing else locks: "AUDITOR"
_FLEET_SILENCE: FindingKey = (FLEET_SILENT, AUDITOR)
_OF_THE_FLEET = _FLEET_SILENCE, (LOG_TAMPERED, AUDITOR)


@dataclass(frozen=True, slots=True)
class AuditCycle:
    """What one cycle did, at a moment of the database's clock.

    `agents` counts those that are audited, and `left` those of them that there was no time to judge.
    """

    at: datetime
    agents: int
    left: int
    opened: list[AuditFinding]
    closed: list[AuditFinding]
    still_open: list[AuditFinding]
    errors: list[RuleError]

    @property
    def open(self) -> list[AuditFinding]:
        """Every finding that is open after the cycle, newest first."""
        return sorted([*self.opened, *self.still_open], key=lambda finding: finding.opened_at, reverse=True)

    def then(self, following: "AuditCycle") -> "AuditCycle":
        """This one and the one that followed it at once, as one cycle."""
        opened = {finding.id for finding in self.opened}
        closed = {finding.id for finding in following.closed}
        return replace(
            following,
            opened=[*(each for each in self.opened if each.id not in closed), *following.opened],
            closed=[*self.closed, *following.closed],
            still_open=[finding for finding in following.still_open if finding.id not in opened],
            errors=list(dict.fromkeys([*self.errors, *following.errors])),
        )


async def lock_audit(session: AsyncSession) -> bool:
    """Take the right to audit for this transaction; False while another transaction has it."""
    return bool((await session.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


async def audit(session: AsyncSession, settings: AuditSettings) -> AuditCycle:
    """Judge each agent now and store what changed: findings open, are updated, and close.

    1. Context: the known outages, the runs under way, how scores go, and the findings that are open.
    2. Outlook: which agents are due, as something of them has changed, or may be found by now.
    3. Prefilter: a few figures of each of these.
    4. Suspects: the agents that these figures do not show to be well.
    5. Histories: the suspects' runs, and as much of their past as the suspecting rules need.
    6. Verdicts: what the rules find in these histories.
    7. Findings: what that changes about the open findings, stored; and until when the rest of the judgements
       hold.

    Steps 3 to 5 go by batches, so that memory does not grow with the fleet. After some time the
    agents of further batches are left for the next cycle, but for those that are watched.

    Several audits at once store each change once. A rule that crashes on an agent leaves its finding as it is
    and is in the cycle's `errors`.
    """
    async with agent_by_agent(session):
        judged = await _judged(session, settings)
    context, stored, changes = judged.context, judged.stored, judged.changes
    closed = {stored[key].id: proof for key, proof in changes.closed.items()}
    await update_changed(session, stored, changes.persisting)
    closed_findings = await close(session, context.now, closed)
    await keep_outlook(session, context.now, judged.outlook, judged.settled)
    await keep_trends(session, judged.trends)
    return AuditCycle(
        at=context.now,
        agents=judged.agents,
        left=judged.left,
        opened=await open_new(session, context.now, changes.opened),
        closed=closed_findings,
        still_open=[finding for key, finding in stored.items() if key not in changes.closed],
        errors=judged.errors,
    )


async def judge_now(session: AsyncSession, settings: AuditSettings) -> AuditCycle:
    """What a cycle of the Auditor would do now; nothing is written or locked.

    Findings that it would open have no id. `session` holds none of the findings afterwards.
    """
    async with agent_by_agent(session):
        judged = await _judged(session, settings)
    session.expunge_all()
    now, stored, changes = judged.context.now, judged.stored, judged.changes
    for finding in changes.persisting:
        for name in JUDGED:
            setattr(stored[finding.key], name, getattr(finding, name))
    opened = [
        AuditFinding(
            rule=finding.rule,
            agent_id=finding.agent_id,
            opened_at=now,
            **{name: getattr(finding, name) for name in JUDGED},
        )
        for finding in changes.opened
    ]
    return AuditCycle(
        at=now,
        agents=judged.agents,
        left=judged.left,
        opened=opened,
        closed=[stored[key] for key in changes.closed],
        still_open=[finding for key, finding in stored.items() if key not in changes.closed],
        errors=judged.errors,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    context: CycleContext
    stored: dict[FindingKey, AuditFinding]
    changes: Transitions
    agents: int
    left: int
    errors: list[RuleError]
    outlook: Outlook
    settled: Mapping[str, datetime | None]
    trends: ReadTrends


async def _judged(session: AsyncSession, settings: AuditSettings) -> _Judged:
    """Steps 1 to 6 of `audit`, which only read, and what they change about the findings."""
    stored = await open_findings(session)
    drops = [agent_id for rule, agent_id in stored if rule == QualityDrop.name]
    trends = await read_trends(session, await database_now(session), drops)
    context = await _context(session, settings, stored, trends)
    known_silence = None
    if _FLEET_SILENCE in stored:
        known_silence = await find_silence(session, context, is_known=True)
        if known_silence.outage or known_silence.others_go_on:
            context = replace(context, outages=context.outages.given(known_silence.outage))
    outlook = await read_outlook(session, context.now, settings, context.outages, context.watched)
    histories: dict[str, AgentHistory] = {}
    judged: set[str] = set()
    settled: dict[str, datetime | None] = {}
    agents, left = await count_audited(session), outlook.all_due
    for agent_ids in _in_batches(context.watched, outlook, agents):
        left -= len(outlook.due.keys() & agent_ids)
        batch = await _batch(session, settings, context, agent_ids)
        suspected = suspects(context, batch)
        sieved = await sieve(session, context, batch, suspected.agent_ids)
        histories |= sieved.histories
        judged |= sieved.judged
        settled |= {
            agent_id: moment
            for agent_id, moment in (*suspected.well_until.items(), *sieved.settled.items())
            if agent_id not in context.starts and outlook.may_hold(agent_id, batch.snapshots.get(agent_id))
        }
    judgement = await judge(session, context, histories, judged, known_silence)
    return _Judged(
        context=context,
        stored=stored,
        changes=_changes(context, judgement, stored),
        agents=agents + len(histories.keys() - outlook.due.keys()),
        left=left,
        errors=[error for verdict in judgement.verdicts for error in verdict.errors],
        outlook=outlook,
        settled=settled,
        trends=trends,
    )


def _in_batches(watched: Collection[str], outlook: Outlook, agents: int) -> Iterator[Sequence[str]]:
    """Those that are watched, and as many of the urgent and of the others as there is time for.

    That is a batch of each at least.
    """
    began, at_once = monotonic(), calibration.AGENTS_AT_ONCE
    left = [agent_id for agent_id in outlook.due if agent_id not in watched]
    urgent = [agent_id for agent_id in left if agent_id in outlook.urgent]
    others = [agent_id for agent_id in left if agent_id not in outlook.urgent]
    limits = inf, calibration.JUDGING_SECONDS, agents * calibration.JUDGING_SECONDS_AN_AGENT
    for agent_ids, seconds in zip((sorted(watched), urgent, others), limits, strict=True):
        for start in range(0, len(agent_ids), at_once):
            if start and monotonic() - began > seconds:
                break
            yield agent_ids[start : start + at_once]


async def _batch(
    session: AsyncSession, settings: AuditSettings, context: CycleContext, agent_ids: Sequence[str]
) -> Batch:
    declared = await declared_agents(session, agent_ids)
    snapshots = await prefilter(
        session,
        agent_ids,
        depth=context.depth,
        silence_streak=settings.silence_streak,
        declared=declared.keys(),
    )
    return Batch(agent_ids, declared, snapshots)


async def _context(
    session: AsyncSession,
    settings: AuditSettings,
    stored: Mapping[FindingKey, AuditFinding],
    trends: ReadTrends,
) -> CycleContext:
    failures, silences = settings.failure_streak, settings.silence_streak
    now = await database_now(session)
    return CycleContext(
        now=now,
        rules=all_rules(failure_streak=failures, silence_streak=silences),
        depth=max(PREFILTER_DEPTH, failures, silences),
        outages=await known_outages(session, now, settings),
        starts=await known_starts(session),
        trends=trends.fallen,
        waiting=await waiting_runs(session, now),
        open_keys=[key for key in stored if key not in _OF_THE_FLEET and key[0] != AGENTS_MISSING],
        groups=[
            group
            for (rule, agent_id), finding in stored.items()
            if rule == AGENTS_MISSING and (group := MissingGroup.from_evidence(agent_id, finding.evidence))
        ],
    )


def _changes(
    context: CycleContext, judgement: Judgement, stored: Mapping[FindingKey, AuditFinding]
) -> Transitions:
    """What the verdicts change about the `stored` findings, with those that are of many agents."""
    of_agents = {key: stored[key].last_run_at for key in context.open_keys}
    changes = transitions(context.rules, of_agents, judgement.histories, judgement.verdicts)
    _change_groups(context, judgement.grouping, stored, changes)
    silence, known = judgement.silence.outage, stored.get(_FLEET_SILENCE)
    if silence and known:
        began = known.began_at or known.opened_at
        silence = silence._replace(start=began.timestamp())
        changes.persisting.append(fleet_silent(silence, context.now, AUDITOR))
    elif silence:
        changes.opened.append(fleet_silent(silence, context.now, AUDITOR))
    elif known:
        others_go_on = judgement.silence.others_go_on
        changes.closed[_FLEET_SILENCE] = OTHERS_GO_ON if others_go_on else REPORTING_AGAIN
    return changes


def _change_groups(
    context: CycleContext,
    grouping: Grouping,
    stored: Mapping[FindingKey, AuditFinding],
    changes: Transitions,
) -> None:
    """Open, update and close the findings of agents that are missing together."""
    known = {group.first for group in context.groups}
    unreadable = [key for key in stored if key[0] == AGENTS_MISSING and key[1] not in known]
    changes.closed.update(dict.fromkeys(unreadable, UNREADABLE))
    for group in (*grouping.groups, *grouping.over):
        finding = agents_missing(group, context.now)
        (changes.persisting if group.first in known else changes.opened).append(finding)
    for group in grouping.over:
        changes.closed[AGENTS_MISSING, group.first] = back_again(group)
    for group in grouping.groups:
        for agent_id in group.missing:
            if (RunningLong.name, agent_id) in changes.closed:
                changes.closed[RunningLong.name, agent_id] = joined(group)
