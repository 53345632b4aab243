"""What the rules would have found over a history: the live judgement, at each moment that could change it.

Between two runs of an agent a verdict changes at a few moments only, which the rules name; so instead of
a cycle every few minutes over all agents, each is judged at its own moments.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from app.audit import calibration
from app.audit.cadence import (
    DEFAULT_TIMEZONE,
    OUTAGE_STEP,
    Cadence,
    Lateness,
    Outage,
    Outages,
    find_outages,
    present_outage,
)
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.companions import name_companions
from app.audit.domain.evaluation import RuleError, change_times, evaluate
from app.audit.domain.finding import Evidence, Finding
from app.audit.domain.fleet import REPORTING_AGAIN, fleet_silent
from app.audit.domain.habit import Habits
from app.audit.domain.history import AgentHistory, ReportedRun, least_wait, read_schedule
from app.audit.domain.quality import QualityWindow
from app.audit.domain.rule import Rule
from app.audit.domain.transitions import transitions

_GRACE = calibration.LEAST_GRACE.total_seconds()
_DAY = 86_400  # seconds


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
    *,
    found_by: str = "",
) -> Backtest:
    """Judge every agent over its runs, which are in order. Time begins and ends with the runs.

    1. Find when hardly any agent reported: a finding of the fleet, and nothing against a single agent.
    2. Go through each agent's runs, and judge it whenever a verdict may change.

    The fleet's findings stand under `found_by`. `tracked` is given the agents' names to pass them on one by
    one. An agent that is declared without saying since when has been from the beginning.
    """
    runs = [runs for runs in history.values() if runs]
    if not runs:
        return Backtest([], [])
    begin, end = min(run[0].created_at for run in runs), max(run[-1].created_at for run in runs)
    reports = {agent: [run.created_at.timestamp() for run in runs] for agent, runs in history.items()}
    present = present_outage(reports, end.timestamp())
    outages = Outages([*find_outages(reports), *([present] if present else [])])
    found = _fleet_silences(reports, outages, end, found_by)
    errors: list[RuleError] = []
    for agent_id in tracked(sorted({*history, *declared})):
        declaration = declared.get(agent_id, Declaration())
        if agent_id in declared and declaration.registered_at is None:
            declaration = replace(declaration, registered_at=begin)
        replay = _Replay(rules, agent_id, declaration, outages)
        replay.judge(history.get(agent_id, ()), begin, end)
        found += replay.found
        errors += replay.errors
    for past, named in zip(found, name_companions([past.finding for past in found]), strict=True):
        past.finding = named
    found.sort(key=lambda past: (past.opened_at, past.finding.key))
    return Backtest(found, list(dict.fromkeys(errors)))


def _fleet_silences(
    reports: Mapping[str, Sequence[float]], silences: Iterable[Outage], end: datetime, found_by: str
) -> list[PastFinding]:
    """The fleet's findings: each from when the silence could be seen, until an agent reported again.

    One that only shows when it is compared with what came later was none at the time.
    """
    found: list[PastFinding] = []
    for silence in silences:
        moments = (silence.start + step * OUTAGE_STEP for step in range(_DAY // OUTAGE_STEP))
        seen = (moment for moment in moments if moment <= silence.end and present_outage(reports, moment))
        opened = next(seen, None)
        if opened is None:
            continue
        opened_at = datetime.fromtimestamp(opened, UTC)
        past = PastFinding(fleet_silent(silence, opened_at, found_by), opened_at)
        if silence.end < end.timestamp():
            first = min(_first_from(times, silence.end) for times in reports.values())
            past.closed_at, past.closing_evidence = datetime.fromtimestamp(first, UTC), REPORTING_AGAIN
        found.append(past)
    return found


def _first_from(times: Sequence[float], moment: float) -> float:
    at = bisect_left(times, moment)
    return times[at] if at < len(times) else inf


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
        schedule = read_schedule(declaration.schedule, declaration.timezone) if declaration.schedule else ""
        self._learned: Cadence | Lateness | Exception = (
            Cadence(outages) if isinstance(schedule, str) else Lateness(schedule, declaration.grace, outages)
        )
        self._quality = QualityWindow()
        self._habits = Habits()
        self._runs: deque[ReportedRun] = deque(maxlen=HISTORY_DEPTH)
        self._open: dict[str, PastFinding] = {}

    def judge(self, runs: Iterable[ReportedRun], begin: datetime, end: datetime) -> None:
        """Go through its runs in order, from `begin`, and let time pass until `end`."""
        if self._declared["paused"]:
            return
        self._now = begin
        for run in runs:
            if self._may_change_before(run.created_at):
                self._let_pass(run.created_at)
            earlier = self._runs[0] if self._runs else run
            self._runs.appendleft(run)
            self._now = run.created_at
            self._learn(run.created_at)
            self._habits.observe(run)
            if run.score is not None:
                self._quality.add(run.created_at, run.score)
            applicable = [
                rule for rule in self._rules if rule.name in self._open or rule.may_open_after(earlier, run)
            ]
            if applicable:
                self._judge(applicable)
        self._let_pass(end + timedelta.resolution)

    def _may_change_before(self, report: datetime) -> bool:
        """Whether a verdict may change by itself before a report."""
        learned = self._learned
        if not self._runs or isinstance(learned, Exception):
            return True
        # The same limit as `least_wait()`, at a fraction of its cost: this is done for every run.
        if isinstance(learned, Cadence):
            return report.timestamp() - learned.newest > learned.typical + _GRACE
        try:
            return report > learned.never_late_before(self._runs[0].created_at)
        except ValueError:  # the schedule never comes again, which the rules say
            return True

    def _learn(self, report: datetime) -> None:
        try:
            if isinstance(self._learned, Cadence):
                self._learned.observe(report.timestamp())
            elif isinstance(self._learned, Lateness):
                self._learned.observe(report)
        # As in the live cycle: the rules that need the cadence raise it again, and it is among the errors.
        except Exception as error:  # noqa: BLE001
            self._learned = error

    def _let_pass(self, until: datetime) -> None:
        """Judge by every rule at each moment before `until` at which a verdict may change by itself."""
        history = self._history()
        judged = self._runs and not isinstance(self._learned, Exception)
        if judged and until - self._now <= least_wait(history):
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
            self._learned,
            self._habits,
            self._quality.trend(),
            outages=self._outages,
            **self._declared,
        )


def _fields(declaration: Declaration) -> dict[str, Any]:
    return {name: getattr(declaration, name) for name in declaration.__slots__}
