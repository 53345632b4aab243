"""Judging agents by every rule: which rules there are, and how one that crashes is kept apart."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from app.audit.domain.duplicates import RunsTwice
from app.audit.domain.finding import Finding, run_evidence
from app.audit.domain.history import AgentHistory
from app.audit.domain.liveness import BadSchedule, Late, NeverReported, StoppedReporting
from app.audit.domain.off_schedule import OffSchedule
from app.audit.domain.patterns import FailureRate, Flapping
from app.audit.domain.rule import Rule
from app.audit.domain.running_long import RunningLong
from app.audit.domain.scores import QualityDrop, StuckScoring
from app.audit.domain.streaks import ConsecutiveFailures, NotSucceeding, SilentRuns
from app.audit.domain.unusual_usage import UnusualUsage
from app.kit.secrets import redact
from app.kit.text import printable

T = TypeVar("T")

NOT_JUDGED = "not_judged"
"""A rule crashed on an agent: whether the agent is well is unknown, which must not look like well."""


def all_rules(*, failure_streak: int, silence_streak: int) -> tuple[Rule, ...]:
    """The registry of rules. The parameters say how many runs in a row make a finding."""
    return (
        StoppedReporting(),
        Late(),
        RunningLong(),
        NeverReported(),
        BadSchedule(),
        OffSchedule(),
        ConsecutiveFailures(failure_streak),
        NotSucceeding(),
        FailureRate(failure_streak),
        Flapping(),
        SilentRuns(silence_streak),
        RunsTwice(),
        UnusualUsage(),
        QualityDrop(),
        StuckScoring(),
    )


@dataclass(frozen=True, slots=True)
class RuleError:
    """A rule crashed on an agent, so it is not known whether it would find something."""

    rule: str
    agent_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one agent."""

    findings: tuple[Finding, ...]
    errors: tuple[RuleError, ...]


def suspecting(rules: Sequence[Rule], history: AgentHistory, open_rules: Collection[str] = ()) -> list[Rule]:
    """The rules that may find something at full depth, judged from the agent's newest runs.

    Those by which a finding is open, the `open_rules`, may always.
    """
    if history.paused:
        return []
    return [
        rule
        for rule in rules
        if rule.name in open_rules
        or isolated(rule.name, history.agent_id, partial(rule.suspects, history)) is not False
    ]


def evaluate(rules: Sequence[Rule], history: AgentHistory, open_rules: Collection[str] = ()) -> Verdict:
    """Judge an agent by each rule; `open_rules` are those by which a finding is open.

    A paused agent raises nothing. A crash is an error of that rule alone, and a finding that says so.
    """
    if history.paused:
        return Verdict((), ())
    results = [
        isolated(rule.name, history.agent_id, partial(rule.check, history, is_open=rule.name in open_rules))
        for rule in rules
    ]
    findings = [result for result in results if isinstance(result, Finding)]
    errors = [result for result in results if isinstance(result, RuleError)]
    if errors:
        findings.append(_not_judged(history, errors))
    return Verdict(tuple(findings), tuple(errors))


def _not_judged(history: AgentHistory, errors: Sequence[RuleError]) -> Finding:
    rules = ", ".join(error.rule for error in errors)
    message = (
        f"{printable(history.agent_id)} could not be judged by {rules} ({errors[0].error}):"
        " whether it is well is unknown"
    )
    last_run = run_evidence(history.runs[0]) if history.runs else None
    evidence = {
        "severity": "high",
        "errors": [{"rule": error.rule, "error": error.error} for error in errors],
        "last_run": last_run,
    }
    last_run_at = history.runs[0].created_at if history.runs else None
    return Finding(NOT_JUDGED, history.agent_id, "high", message, evidence, last_run_at)


def change_times(rules: Sequence[Rule], history: AgentHistory) -> list[datetime]:
    """The moments, in order, at which rules may begin or cease to find something if no further run comes.

    A rule that crashes is to be judged at once, so that its error shows.
    """
    moments: set[datetime] = set()
    for rule in rules:
        found = isolated(rule.name, history.agent_id, partial(rule.change_times, history))
        moments.update([history.now] if isinstance(found, RuleError) else found)
    return sorted(moments)


def settled_until(
    rules: Sequence[Rule], history: AgentHistory, suspecting_rules: Collection[Rule]
) -> datetime | None:
    """Until when none of the rules may find anything, with no further run; None where no time brings that.

    For an agent of which they find nothing now. Of a rule that suspects it `history` holds what `check()`
    needs; of the others it is known when they begin to suspect.
    """
    moments = set(change_times([rule for rule in rules if rule in suspecting_rules], history))
    for rule in rules:
        found = isolated(rule.name, history.agent_id, partial(rule.suspects_from, history))
        if isinstance(found, RuleError):
            return history.now
        if found is not None:
            moments.add(found)
    # A rule that crashed when asked for its moments says that it is to be judged at once.
    return min((moment for moment in moments if moment >= history.now), default=None)


def isolated(rule: str, agent_id: str, judge: Callable[[], T]) -> T | RuleError:
    """What `judge` returns, or the error with which it crashed."""
    try:
        return judge()
    # An error of one rule with one agent must not keep the others from judging; it is kept and reported.
    except Exception as error:  # noqa: BLE001
        return RuleError(rule, agent_id, redact(f"{type(error).__name__}: {error}"[:2000])[:500])
