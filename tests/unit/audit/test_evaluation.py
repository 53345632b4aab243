"""Rules together: kept apart when one crashes, and what their verdicts change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.domain.evaluation import RuleError, Verdict, all_rules, evaluate, suspecting
from app.audit.domain.finding import Finding
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.audit.domain.streaks import ConsecutiveFailures
from app.audit.domain.transitions import transitions

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
RULES = all_rules(failure_streak=3, silence_streak=3)
FAILING = ("consecutive_failures", "nova")


class Crashing(Rule):
    """A rule with a defect."""

    name = "crashing"
    severity = "high"
    needs = "runs"
    recovery = "did anything"

    def suspects(self, history: AgentHistory) -> bool:
        raise ZeroDivisionError("suspects")

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        raise ZeroDivisionError(f"no luck with {history.agent_id}")

    def is_recovery(self, run: ReportedRun) -> bool:
        return True


def nova(*statuses: str, paused: bool = False) -> AgentHistory:
    """Runs a minute apart, newest first."""
    runs = tuple(
        ReportedRun(f"run-{len(statuses) - i}", status, NOON - i * timedelta(minutes=1))
        for i, status in enumerate(statuses)
    )
    return AgentHistory("nova", NOON, runs, paused=paused)


def test_the_registry_has_each_rule_once() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(names) == [
        "bad_schedule",
        "consecutive_failures",
        "failure_rate",
        "flapping",
        "late",
        "never_reported",
        "not_succeeding",
        "off_schedule",
        "quality_drop",
        "running_long",
        "runs_twice",
        "silent_runs",
        "stopped_reporting",
        "stuck_scoring",
        "unusual_usage",
    ]


def test_a_crash_hits_its_rule_alone() -> None:
    verdict = evaluate((Crashing(), *RULES), nova("failed", "failed", "failed"))
    assert verdict.errors == (RuleError("crashing", "nova", "ZeroDivisionError: no luck with nova"),)
    assert [finding.key for finding in verdict.findings] == [FAILING, ("not_judged", "nova")]
    [_, unknown] = verdict.findings
    assert unknown.severity == "high"
    assert "nova could not be judged by crashing (ZeroDivisionError: no luck with nova)" in unknown.message


def test_what_could_not_be_judged_is_over_when_every_rule_can_judge_it() -> None:
    well = nova("success")
    key = ("not_judged", "nova")
    crashing = transitions(
        (Crashing(), *RULES), {key: NOON}, {"nova": well}, [evaluate((Crashing(), *RULES), well)]
    )
    assert [finding.key for finding in crashing.persisting] == [key]
    changes = transitions(RULES, {key: NOON}, {"nova": well}, [evaluate(RULES, well)])
    assert changes.closed == {key: {"reason": "every rule can judge it again"}}


def test_an_agent_whose_cadence_cannot_be_learned_is_judged_by_the_other_rules() -> None:
    failing = replace(nova("failed", "failed", "failed"), learned_past=ZeroDivisionError("no luck"))
    verdict = evaluate(RULES, failing)
    assert {error.rule for error in verdict.errors} == {"stopped_reporting", "late"}
    assert [finding.key for finding in verdict.findings] == [FAILING, ("not_judged", "nova")]


def test_a_crash_while_suspecting_is_a_suspicion() -> None:
    crashing = Crashing()
    assert suspecting((crashing, *RULES), nova("success")) == [crashing]


def test_rules_with_open_findings_always_suspect() -> None:
    assert suspecting(RULES, nova("success")) == []
    assert [rule.name for rule in suspecting(RULES, nova("success"), {"failure_rate"})] == ["failure_rate"]


def test_a_paused_agent_raises_nothing() -> None:
    paused = nova("failed", "failed", "failed", paused=True)
    assert evaluate((Crashing(), *RULES), paused) == Verdict((), ())
    assert suspecting((Crashing(), *RULES), paused) == []


def finding(*statuses: str) -> Finding:
    found = ConsecutiveFailures(3).check(nova(*statuses))
    assert found
    return found


def test_a_finding_opens_once_and_then_persists() -> None:
    judged = nova("failed", "failed", "failed")
    verdicts = [evaluate(RULES, judged)]
    assert transitions(RULES, {}, {"nova": judged}, verdicts).opened == [
        finding("failed", "failed", "failed")
    ]
    changes = transitions(RULES, {FAILING: None}, {"nova": judged}, verdicts)
    assert (changes.opened, changes.closed) == ([], {})
    assert changes.persisting == [finding("failed", "failed", "failed")]


def test_the_run_that_ended_it_is_the_proof() -> None:
    open_findings = {FAILING: finding("failed", "failed", "failed").last_run_at}
    runs = nova("success", "failed", "partial", "failed", "failed", "failed")
    later = AgentHistory(
        "nova",
        NOON + timedelta(minutes=10),
        tuple(ReportedRun(run.id, run.status, run.created_at + timedelta(minutes=3)) for run in runs.runs),
    )
    closed = transitions(RULES, open_findings, {"nova": later}, [evaluate(RULES, later)]).closed
    assert closed[FAILING]["reason"] == "nova succeeded at 12:03 UTC"
    assert closed[FAILING]["run"]["id"] == "run-6"


@pytest.mark.parametrize(
    ("rule", "history", "reason"),
    [
        ("consecutive_failures", nova("failed", "failed", "failed", paused=True), "nova is paused"),
        ("consecutive_failures", nova("failed", "failed"), "it no longer holds by the present"),
        ("consecutive_failures", None, "the agent is no longer audited"),
        ("bad_luck", nova("success"), "the rule is no longer in use"),
    ],
)
def test_why_else_a_finding_closes(rule: str, history: AgentHistory | None, reason: str) -> None:
    open_findings = {(rule, "nova"): finding("failed", "failed", "failed").last_run_at}
    histories = {"nova": history} if history else {}
    verdicts = [evaluate(RULES, judged) for judged in histories.values()]
    proof = transitions(RULES, open_findings, histories, verdicts).closed[rule, "nova"]
    assert proof["reason"].startswith(reason)
    assert "run" not in proof


def test_a_finding_stays_while_its_rule_crashes() -> None:
    rules = (Crashing(), *RULES)
    judged = nova("success")
    changes = transitions(rules, {("crashing", "nova"): None}, {"nova": judged}, [evaluate(rules, judged)])
    assert [finding.rule for finding in changes.opened] == ["not_judged"]
    assert (changes.persisting, changes.closed) == ([], {})
