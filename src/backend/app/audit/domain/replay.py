"""One agent's history, judged as it went: at each moment that could change a verdict."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from app.audit.cadence import DEFAULT_TIMEZONE, Cadence, Lateness, Outage, Outages
from app.audit.cadence.calibration import LEAST_GRACE
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.evaluation import RuleError, change_times, evaluate
from app.audit.domain.finding import Evidence, Finding
from app.audit.domain.habit import Habits
from app.audit.domain.history import AgentHistory, ReportedRun, least_wait, read_schedule
from app.audit.domain.liveness import Late, StoppedReporting
from app.audit.domain.missing import Overdue, overdue_agent
from app.audit.domain.quality import QualityWindow
from app.audit.domain.rule import Rule
from app.audit.domain.transitions import transitions
from app.audit.domain.usage import PastUsage

_GRACE = LEAST_GRACE.total_seconds()


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


class OverdueEvent(NamedTuple):
    """An agent is overdue, or `late`, from `at` on. Its next run comes `until` then, or never."""

    at: datetime
    finding: Finding
    overdue: Overdue
    until: datetime | None

    @property
    def is_notice(self) -> bool:
        """Whether it is late and not overdue."""
        return self.finding.rule == Late.name


class Answer(NamedTuple):
    """What became of an event: the finding that was reported of it, and when the agent could not report."""

    found: PastFinding | None = None
    excused: Outage | None = None


Replay = Generator[OverdueEvent, Answer, None]


class AgentReplay:
    """Goes through one agent's runs, and asks about each time that it is overdue or late.

    What is said of those depends on the other agents.
    """

    def __init__(
        self, rules: Sequence[Rule], agent_id: str, declaration: Declaration, outages: Outages
    ) -> None:
        self.found: list[PastFinding] = []
        self.errors: list[RuleError] = []
        self._rules = rules
        self._rules_of_runs = [rule for rule in rules if _may_open_on_runs(rule)]
        self._agent_id = agent_id
        self._declared: dict[str, Any] = {name: getattr(declaration, name) for name in Declaration.__slots__}
        self._outages = outages
        schedule = read_schedule(declaration.schedule, declaration.timezone) if declaration.schedule else ""
        self._learned: Cadence | Lateness | Exception = (
            Cadence(outages) if isinstance(schedule, str) else Lateness(schedule, declaration.grace, outages)
        )
        self._quality = QualityWindow()
        self._habits = Habits()
        self._usage = PastUsage()
        self._runs: deque[ReportedRun] = deque(maxlen=HISTORY_DEPTH)
        self._open: dict[str, PastFinding] = {}
        self._next_run: datetime | None = None
        self._answered = False

    def judge(self, runs: Iterable[ReportedRun], begin: datetime, end: datetime) -> Replay:
        """Go through its runs in order, from `begin`, and let time pass until `end`."""
        if self._declared["paused"]:
            return
        self._now = begin
        for run in runs:
            if self._may_change_before(run.created_at):
                self._next_run = run.created_at
                yield from self._let_pass(run.created_at)
            earlier = self._runs[0] if self._runs else run
            self._runs.appendleft(run)
            self._now, self._answered = run.created_at, False
            self._learn(run.created_at)
            self._habits.observe(run)
            self._usage.observe(run)
            if run.score is not None:
                self._quality.add(run.created_at, run.score)
            # Hardly ever is a finding open: then the other rules need not be asked about every run.
            applicable = [
                rule
                for rule in (self._rules if self._open else self._rules_of_runs)
                if rule.name in self._open or rule.may_open_after(earlier, run)
            ]
            if applicable:
                yield from self._judge(applicable)
        self._next_run = None
        yield from self._let_pass(end + timedelta.resolution)

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

    def _let_pass(self, until: datetime) -> Replay:
        """Judge by every rule at each moment before `until` at which a verdict may change by itself.

        When the agent could not report up to some moment, waits begin again then.
        """
        history = self._history()
        judged = self._runs and not isinstance(self._learned, Exception)
        if judged and until - self._now <= least_wait(history):
            return
        moments = change_times(self._rules, history)
        while moments:
            moment, *moments = moments
            if self._now <= moment < until:
                self._now = moment
                excused = yield from self._judge(self._rules)
                if excused:
                    self._now = max(moment, datetime.fromtimestamp(excused.end, UTC))
                    moments = change_times(self._rules, self._history()) if self._now < until else []

    def _judge(self, rules: Sequence[Rule]) -> Generator[OverdueEvent, Answer, Outage | None]:
        history, excused = self._history(), None
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
            if finding.rule not in (Late.name, StoppedReporting.name):
                self._opened(PastFinding(finding, self._now))
            elif not self._answered:
                event = OverdueEvent(self._now, finding, overdue_agent(history, finding), self._next_run)
                answer = yield event
                excused = answer.excused
                self._answered = finding.rule == StoppedReporting.name and excused is None
                if answer.found:
                    self._opened(answer.found)
                if excused:
                    self._excuse(excused)
        return excused

    def _opened(self, past: PastFinding) -> None:
        self.found.append(past)
        if past.closed_at is None:
            self._open[past.finding.rule] = past

    def _excuse(self, outage: Outage) -> None:
        self._outages = self._outages.joined(outage)
        if isinstance(self._learned, Cadence | Lateness):
            self._learned = self._learned.with_outages(self._outages)

    def _history(self) -> AgentHistory:
        return AgentHistory(
            self._agent_id,
            self._now,
            tuple(self._runs),
            self._learned,
            self._habits,
            self._usage,
            quality=self._quality.trend(),
            outages=self._outages,
            **self._declared,
        )


def _may_open_on_runs(rule: Rule) -> bool:
    """Whether a run can open a finding of it, and not time alone."""
    own = type(rule)
    return own.may_open_on is not Rule.may_open_on or own.may_open_after is not Rule.may_open_after
