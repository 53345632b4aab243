"""Reports of one run together: the agent's words for what it did, the worst end, in any order."""

import json
from itertools import permutations

import pytest

from app.runs.merging import Report, merge_reports

AGENT = Report("agent", "success", '{"summary": "Fixed a leak", "tests_passed": 14}')
PLUGIN = Report(
    "openclaw-plugin", "failed", '{"summary": "Fixed", "error": "timed out", "durationMs": 300000}'
)


def test_the_agents_words_and_the_schedulers_end() -> None:
    merged = merge_reports([AGENT, PLUGIN])
    assert (merged.status, merged.summary, merged.silent) == ("failed", "Fixed a leak", False)
    assert json.loads(merged.actions_json) == {
        "summary": "Fixed a leak",
        "tests_passed": 14,
        "error": "timed out",
        "durationMs": 300000,
    }


def test_the_order_in_which_they_come_says_nothing() -> None:
    reports = [AGENT, PLUGIN, Report("exec", "success", '{"summary": "bye", "exit_code": 0}')]
    merged = [merge_reports(order) for order in permutations(reports)]
    assert {(each.status, each.summary) for each in merged} == {("failed", "Fixed a leak")}
    payloads = [json.loads(each.actions_json) for each in merged]
    assert all(each == payloads[0] for each in payloads)


@pytest.mark.parametrize(
    ("agent", "scheduler", "together"),
    [
        ("success", "failed", "failed"),
        ("failed", "success", "failed"),
        ("partial", "success", "partial"),
        ("success", "partial", "partial"),
        ("success", "success", "success"),
    ],
)
def test_the_worst_status_counts(agent: str, scheduler: str, together: str) -> None:
    assert merge_reports([Report("agent", agent, "{}"), Report("exec", scheduler, "{}")]).status == together


@pytest.mark.parametrize("quiet", ["NO_REPLY", "", "done.", "HEARTBEAT_OK"])
def test_a_summary_that_says_something_comes_before_one_that_does_not(quiet: str) -> None:
    actions = json.dumps({"summary": quiet})
    merged = merge_reports([Report("agent", "success", actions), PLUGIN])
    assert merged.summary == "Fixed"
    assert not merged.silent


def test_what_is_quiet_by_all_stays_silent() -> None:
    merged = merge_reports(
        [Report("agent", "success", "{}"), Report("exec", "success", '{"summary": "ok", "durationMs": 4}')]
    )
    assert merged.silent
    assert merged.summary == "ok"


def test_a_summary_that_is_no_text_is_no_summary() -> None:
    merged = merge_reports([Report("agent", "success", '{"summary": 5}'), Report("exec", "success", "{}")])
    assert merged.summary is None
    assert json.loads(merged.actions_json) == {"summary": 5}


def test_numbers_stay_as_they_were_sent() -> None:
    digits = "123456789012345678901234567890.12345678901234567890"
    merged = merge_reports([Report("agent", "success", f'{{"n": {digits}}}'), PLUGIN])
    assert digits in merged.actions_json


def test_a_declared_no_op_stays_one() -> None:
    no_op = '{"no_op": true, "reason": "bank holiday"}'
    assert not merge_reports([Report("agent", "success", no_op), Report("exec", "success", "{}")]).silent
