"""What a round of verdicts changes about the findings that are open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.audit.domain.evaluation import NOT_JUDGED, Verdict
from app.audit.domain.finding import Evidence, Finding, FindingKey, run_evidence
from app.audit.domain.history import AgentHistory
from app.audit.domain.rule import Rule
from app.kit.text import at, printable


@dataclass(frozen=True, slots=True)
class Transitions:
    """Findings that open, those open before that still hold, and those that close, with the proof."""

    opened: list[Finding]
    persisting: list[Finding]
    closed: dict[FindingKey, Evidence]


def transitions(
    rules: Sequence[Rule],
    open_findings: Mapping[FindingKey, datetime | None],
    histories: Mapping[str, AgentHistory],
    verdicts: Iterable[Verdict],
) -> Transitions:
    """Compare `verdicts` with the `open_findings`, each with the time of the newest run it was judged by.

    A verdict is needed of each agent with an open finding and a history. Where a rule crashed, its open
    finding stays as it is.
    """
    by_name = {rule.name: rule for rule in rules}
    changes = Transitions([], [], {})
    staying: set[FindingKey] = set()
    for verdict in verdicts:
        staying |= {(error.rule, error.agent_id) for error in verdict.errors}
        staying |= {finding.key for finding in verdict.findings}
        for finding in verdict.findings:
            (changes.persisting if finding.key in open_findings else changes.opened).append(finding)
    for (rule, agent_id), judged_until in open_findings.items():
        if (rule, agent_id) not in staying:
            changes.closed[rule, agent_id] = (
                {"reason": "every rule can judge it again"}
                if rule == NOT_JUDGED and agent_id in histories
                else _closing_evidence(by_name.get(rule), histories.get(agent_id), judged_until)
            )
    return changes


def _closing_evidence(
    rule: Rule | None, history: AgentHistory | None, judged_until: datetime | None
) -> Evidence:
    """Why a finding no longer holds: the run after `judged_until` that ended it, where one did."""
    if rule is None:
        return {"reason": "the rule is no longer in use"}
    if history is None:
        return {"reason": "the agent is no longer audited"}
    name = printable(history.agent_id)
    if history.paused:
        return {"reason": f"{name} is paused"}
    for run in reversed(history.runs):
        if (judged_until is None or run.created_at > judged_until) and rule.is_recovery(run):
            reason = f"{name} {rule.recovery} at {at(run.created_at, history.now)}"
            return {"reason": reason, "run": run_evidence(run)}
    return rule.ended(history)
