"""What the rules would have found over a history: the live judgement, at each moment that could change it.

Between two runs of an agent a verdict changes at a few moments only, which the rules name; so instead of
a cycle every few minutes over all agents, each is judged at its own moments.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.audit import calibration
from app.audit.cadence import DEFAULT_TIMEZONE, Cadence, Outages, find_outages, present_outage
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.evaluation import RuleError, change_times, evaluate
from app.audit.domain.finding import Evidence, Finding
from app.audit.domain.history import AgentHistory, ReportedRun, least_wait
from app.audit.domain.quality import QualityWindow
from app.audit.domain.rule import Rule
from app.audit.domain.transitions import transitions

_GRACE = calibration.LEAST_GRACE.total_seconds()


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared of an agent. `registered_at` is None of one that only ever reported."""

    schedule: str | None = None
    timezone: str = DEFAULT_TIMEZONE
    grace: timedelta | None = None
    paused: bool = False
    registered_at: datetime | None = None


@dataclass(slots=True)
class PastFinding:
    """A finding as it would have been: its words and evidence are the latest while it was open."""

    finding: Finding
    opened_at: datetime
    closed_at: datetime | None = None
    closing_evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """What was found, by when it opened, and which rule could not judge which agent."""

    found: list[PastFinding]
    errors: list[RuleError]


def judge(
    rules: Sequence[Rule],
    history: Mapping[str, Sequence[ReportedRun]],
    declared: Mapping[str, Declaration],
    tracked: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Backtest:
    """Judge every agent over its runs, which are in order. Time begins and ends with the runs.

    `tracked` is given the agents' names to pass them on one by one. An agent that is declared without
    saying since when has been from the beginning.
    """
    runs = [runs for runs in history.values() if runs]
    if not runs:
        return Backtest([], [])
    begin, end = min(run[0].created_at for run in runs), max(run[-1].created_at for run in runs)
    reports = {agent: [run.created_at.timestamp() for run in runs] for agent, runs in history.items()}
    present = present_outage(reports, end.timestamp())
    outages = Outages([*find_outages(reports), *([present] if present else [])])
    found: list[PastFinding] = []
    errors: list[RuleError] = []
    for agent_id in tracked(sorted({*history, *declared})):
        declaration = declared.get(agent_id, Declaration())
        if agent_id in declared and declaration.registered_at is None:
            declaration = replace(declaration, registered_at=begin)
        replay = _Replay(rules, agent_id, declaration, outages)
        replay.judge(history.get(agent_id, ()), begin, end)
        found += replay.found
        errors += replay.errors
    found.sort(key=lambda past: (past.opened_at, past.finding.key))
    return Backtest(found, list(dict.fromkeys(errors)))


class _Replay:
    """One agent's history, judged as it went."""

    def __init__(
        self, rules: Sequence[Rule], agent_id: str, declaration: Declaration, outages: Outages
    ) -> None:
        self.found: list[PastFinding] = []
        self.errors: list[RuleError] = []
        self._rules = rules
        self._agent_id = agent_id
        self._declared = _fields(declaration)
        self._outages = outages
        self._cadence = Cadence(outages)
        self._quality = QualityWindow()
        self._runs: deque[ReportedRun] = deque(maxlen=HISTORY_DEPTH)
        self._open: dict[str, PastFinding] = {}

    def judge(self, runs: Iterable[ReportedRun], begin: datetime, end: datetime) -> None:
        """Go through its runs in order, from `begin`, and let time pass until `end`."""
        if self._declared["paused"]:
            return
        learns = self._declared["schedule"] is None
        self._now = begin
        cadence = self._cadence
        for run in runs:
            moment = run.created_at.timestamp()
            # The same limit as `least_wait()`, at a fraction of its cost: this is done for every run.
            if not learns or not self._runs or moment - cadence.newest > cadence.typical + _GRACE:
                self._let_pass(run.created_at)
            self._runs.appendleft(run)
            self._now = run.created_at
            cadence.observe(moment)
            if run.score is not None:
                self._quality.add(run.created_at, run.score)
            applicable = [rule for rule in self._rules if rule.name in self._open or rule.may_open_on(run)]
            if applicable:
                self._judge(applicable)
        self._let_pass(end + timedelta.resolution)

    def _let_pass(self, until: datetime) -> None:
        """Judge by every rule at each moment before `until` at which a verdict may change by itself."""
        history = self._history()
        if self._runs and until - self._now <= least_wait(history):
            return
        for moment in change_times(self._rules, history):
            if self._now <= moment < until:
                self._now = moment
                self._judge(self._rules)

    def _judge(self, rules: Sequence[Rule]) -> None:
        history = self._history()
        verdict = evaluate(rules, history, self._open)
        self.errors.extend(verdict.errors)
        open_ = {past.finding.key: past.finding.last_run_at for past in self._open.values()}
        changes = transitions(self._rules, open_, {self._agent_id: history}, [verdict])
        for (rule, _), proof in changes.closed.items():
            past = self._open.pop(rule)
            past.closed_at, past.closing_evidence = self._now, proof
        for finding in changes.persisting:
            self._open[finding.rule].finding = finding
        for finding in changes.opened:
            self._open[finding.rule] = PastFinding(finding, self._now)
            self.found.append(self._open[finding.rule])

    def _history(self) -> AgentHistory:
        return AgentHistory(
            self._agent_id,
            self._now,
            tuple(self._runs),
            self._cadence,
            self._quality.trend(),
            outages=self._outages,
            **self._declared,
        )


def _fields(declaration: Declaration) -> dict[str, Any]:
    return {name: getattr(declaration, name) for name in declaration.__slots__}
