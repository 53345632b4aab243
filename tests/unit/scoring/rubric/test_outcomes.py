"""Successes that a field of the report, a tool's output or the account itself denies, and honest ones."""

from typing import Any

import pytest

from app.scoring.rubric import RunReport, Score, score


def rate(**actions: Any) -> Score:
    return score(RunReport("helios", "success", actions))


def denied(result: Score) -> bool:
    return any(reason.startswith(("reports success although", "speaks of")) for reason in result.reasons)


@pytest.mark.parametrize(
    "field",
    [
        {"exitCode": 1},
        {"exit_code": "2"},
        {"rc": 2},
        {"returncode": 137},
        {"exit_status": 23},
        {"result": {"exit": 3}},
        {"isError": True},
        {"is_error": True},
        {"timed_out": True},
        {"timedOut": True},
        {"errorMessage": "disk full"},
        {"error_detail": "disk full"},
        {"errorCode": 51},
        {"error": {"code": "E_AUTH", "message": "token expired"}},
        {"output": "Done. PASS=36 WARN=0 ERROR=3 SKIP=2 TOTAL=41"},
        {"stopReason": "error"},
        {"stop_reason": "max_tokens"},
        {"finish_reason": "length"},
        {"subtype": "error_max_turns"},
        {"outcome": "aborted"},
        {"conclusion": "failure"},
        {"http_status": 500},
        {"response": {"statusCode": 503}},
        {"signal": "SIGKILL"},
        {"checksum_mismatch": True},
        {"checksumMatch": False},
        {"pushed": False},
        {"branch_pushed": False},
        {"verified": False},
        {"result": {"ok": False}},
        {"ci": "red"},
        {"services": {"api": "up", "web": "down"}},
        {"steps": [{"name": "extract", "status": "ok"}, {"name": "load", "status": "error"}]},
        {"tasks": [{"task": "load", "success": False}]},
        {"output": 'Traceback (most recent call last):\n  File "load.py", line 8\nValueError: x'},
        {"output": "npm ERR! code ELIFECYCLE"},
        {"stdout": "collected 0 items"},
        {"output": "golden: 4983/4990"},
        {"log": "! [rejected] main -> main (fetch first)\nerror: failed to push some refs"},
        {"output": "Found 31 errors in 9 files (checked 214 source files)"},
        {"output": "1 failed, 317 passed in 41.02s"},
        {"response": '{"ok": false, "error": "channel_not_found"}'},
        {"probe": "14:02 GET /checkout 502 Bad Gateway"},
        {"stderr": "bash: eslint: command not found"},
        {"output": "Tests run: 118, Failures: 3, Errors: 1, Skipped: 2"},
    ],
)
def test_a_field_that_denies_the_success_is_told(field: dict[str, Any]) -> None:
    summary = "The weekly report of the shop went to the team"
    result = rate(summary=summary, **field)
    assert denied(result), result.reasons
    assert result.auto < 0.75 * rate(summary=summary).auto


@pytest.mark.parametrize(
    "field",
    [
        {"exitCode": 0},
        {"exit": 0, "stdout": "18G /var/lib/docker"},
        {"isError": False, "timed_out": False},
        {"error": None, "errors": [], "errorMessage": ""},
        {"stopReason": "end_turn"},
        {"conclusion": "success"},
        {"statusCode": 200},
        {"code": 204},
        {"fail_on_error": True, "retry_on_failure": True},
        {"allow_failure": True},
        {"was_failed_before": True},
        {"merged": False, "draft": True},
        {"rollback_tested": True},
        {"dry_run": False},
        {"previous_status": "failed", "status": "ok"},
        {"fixed": ["error in cart.py"]},
        {"severity_filter": "error"},
        {"labels": {"type": "error"}},
        {"error": {}},
        {"output": "Done. PASS=41 WARN=0 ERROR=0 SKIP=0 TOTAL=41"},
        {"output": "41 passed in 3.2s"},
        {"output": "Found 0 errors in 214 files"},
        {"output": "Tests run: 118, Failures: 0, Errors: 0, Skipped: 2\nBUILD SUCCESS"},
        {"log": "[1/4] Resolving packages\n[2/4] Fetching\n[4/4] Building"},
        {"output": "2 failed, 39 passed\nrerun after the fix\n41 passed"},
        {"root_cause": "permission denied for the role app"},
        {"diagnostics": [{"source": "delivery", "severity": "error"}]},
        {"deliveryStatus": "not-requested", "delivered": False},
    ],
)
def test_a_field_that_goes_with_a_success_is_no_denial(field: dict[str, Any]) -> None:
    result = rate(summary="The weekly report of the shop went to the team", **field)
    assert not denied(result), result.reasons


@pytest.mark.parametrize(
    ("summary", "field"),
    [
        ("Fixed the date parser in cron.py, all tests pass", {"tests_run": 0}),
        ("Printed 3 labels for the parcels", {"printed": 0}),
        ("Sent all 44 letters, none came back", {"sent": 41}),
        ("Uploaded 214 photos, 1.9 GB", {"uploaded": 114}),
        ("Merged PR 1188 after green checks", {"pr": {"state": "open"}}),
    ],
)
def test_a_claim_is_held_against_its_field(summary: str, field: dict[str, Any]) -> None:
    assert denied(rate(summary=summary, **field))


@pytest.mark.parametrize(
    ("summary", "field"),
    [
        ("Added 3 hosts, removed none", {"added": 3, "removed": 0}),
        ("Checked 12 of 14 certificates", {"checked": 12}),
        ("Closed 4 tickets, opened no new one", {"closed": 4, "opened": 0}),
        ("Opened the pull request", {"pr": {"state": "open", "merged": False}}),
        ("Sent 41 letters to 44 people, 3 have no address", {"sent": 41}),
    ],
)
def test_a_claim_that_its_field_bears_out_is_none(summary: str, field: dict[str, Any]) -> None:
    result = rate(summary=summary, **field)
    assert not denied(result), result.reasons


def test_an_output_is_quoted_only_where_it_holds_no_secret() -> None:
    result = rate(
        summary="Sent it", output="GET https://x.test/?token=Kanu7tt88 403\nerror: Hollow-Tern41 denied"
    )
    assert denied(result)
    assert not any("Kanu7tt88" in reason or "Hollow" in reason for reason in result.reasons)
