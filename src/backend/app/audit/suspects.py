"""A look at all agents: in short at each, and closely at those who may be unwell."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.cadence import Outage, Outages
from app.audit.domain.evaluation import Verdict, all_rules, evaluate, suspecting
from app.audit.domain.expectation import readable_schedule
from app.audit.domain.finding import FindingKey
from app.audit.domain.history import HISTORY_DEPTH, AgentHistory
from app.audit.domain.rule import Rule
from app.audit.domain.scores import QualityDrop, is_drop
from app.audit.histories import AUDITOR, agent_histories, deepened, known_outages, reported_history
from app.audit.prefilter import Glimpse, glance
from app.audit.quality import quality_trends, waiting_runs
from app.audit.settings import AuditSettings
from app.models import Agent

_FIRST_LOOK = 6


@dataclass(frozen=True)
class Fleet:
    """All agents at `now`: those who ever reported, and the histories of those looked at closely.

    `judged` are those with a suspicion or an open finding; `open_by` names the rules of these.
    """

    now: datetime
    rules: Sequence[Rule]
    seen: Collection[str]
    histories: Mapping[str, AgentHistory]
    judged: Sequence[str]
    open_by: Mapping[str, Collection[str]]

    @property
    def watched(self) -> set[str]:
        """All but those that are paused."""
        paused = {agent_id for agent_id, history in self.histories.items() if history.paused}
        return {*self.seen, *self.histories} - {AUDITOR} - paused

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the rules say of those to be judged."""
        return [
            evaluate(self.rules, self.histories[agent_id], self.open_by.get(agent_id, ()))
            for agent_id in self.judged
        ]

    def in_outage(self, outage: Outage) -> "Fleet":
        """The same, in an outage."""
        outages = next((history.outages for history in self.histories.values()), Outages()).joined(outage)
        histories = {agent: replace(history, outages=outages) for agent, history in self.histories.items()}
        return replace(self, histories=histories)


async def look(
    session: AsyncSession, now: datetime, stored: Collection[FindingKey], settings: AuditSettings
) -> Fleet:
    """At every agent in short, and at those who may be unwell as closely as the rules need."""
    rules, first_look, silence_streak = _rules(settings)
    open_by = defaultdict(set)
    for rule, agent_id in stored:
        open_by[agent_id].add(rule)
    past, outages = await known_outages(session, now, settings.interval)
    seen = await glance(session, now, depth=first_look, silence_streak=silence_streak)
    drops = {agent_id for rule, agent_id in stored if rule == QualityDrop.name}
    trends = await quality_trends(session, now, seen.keys(), held=drops)
    waiting = await waiting_runs(session, now)
    declared = {agent.agent_id: agent for agent in await session.scalars(select(Agent))}
    unwell = {agent_id for agent_id, glimpse in seen.items() if not glimpse.well} | declared.keys()
    on_time = {
        agent_id
        for agent_id in declared.keys() & seen.keys()
        if _on_time(declared[agent_id], seen[agent_id], now, outages)
    }
    dropped = {agent_id for agent_id, trend in trends.items() if is_drop(trend)}
    suspects = unwell - on_time | dropped | waiting.keys() | open_by.keys()
    looked_at = await agent_histories(
        session, now, first_look, agent_ids=sorted(suspects - {AUDITOR}), outages=outages
    )
    histories = {
        agent_id: replace(history, quality=trends.get(agent_id), unscored=waiting.get(agent_id, ()))
        for agent_id, history in looked_at.items()
    }
    suspicions = {
        agent_id: suspecting(rules, history, open_by[agent_id]) for agent_id, history in histories.items()
    }
    histories |= await deepened(session, histories, suspicions, max(HISTORY_DEPTH, first_look), past)
    judged = {agent_id for agent_id, suspicious in suspicions.items() if suspicious}
    judged |= open_by.keys() & histories.keys()
    return Fleet(now, rules, seen.keys(), histories, sorted(judged), open_by)


def _on_time(agent: Agent, glimpse: Glimpse, now: datetime, outages: Outages) -> bool:
    """Whether no rule can suspect a declared agent, seen from its newest runs."""
    history = reported_history(agent, now, glimpse.reports or (), outages)
    if history.paused or not glimpse.calm:
        return False
    if not history.schedule:
        return glimpse.well
    try:
        expected = history.expected if readable_schedule(history) else None
    except (ValueError, OverflowError):  # it never comes again; the rules say so
        return False
    return expected is not None and now < expected.late


def _rules(settings: AuditSettings) -> tuple[tuple[Rule, ...], int, int]:
    """The rules by the settings, how many runs a first look takes, and how many silent ones are too many."""
    failures, silences = settings.failure_streak, settings.silence_streak
    rules = all_rules(failure_streak=failures, silence_streak=silences)
    return rules, max(_FIRST_LOOK, failures, silences), silences
