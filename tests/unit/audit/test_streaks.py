"""Consecutive failures and silent runs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.streaks import ConsecutiveFailures, SilentRuns

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
failures, silences = ConsecutiveFailures(3), SilentRuns(3)


def history(statuses: Sequence[str], summary: str | None = "did it", agent_id: str = "nova") -> AgentHistory:
    """Runs an hour apart, newest first; `silent` is the status of a run that says nothing."""
    runs, silent = [], 0
    for i, status in reversed(list(enumerate(statuses))):
        silent = silent + 1 if status == "silent" else 0
        known = "success" if status == "silent" else status
        at = NOON - i * timedelta(hours=1)
        runs.append(ReportedRun(f"run-{i}", known, at, silent, summary, silent=silent > 0))
    return AgentHistory(agent_id, NOON + timedelta(minutes=5), tuple(reversed(runs)))


def test_failures_in_a_row_are_found() -> None:
    finding = failures.check(history(["failed", "failed", "failed", "failed", "success"]))
    assert finding
    assert finding.message == (
        "nova failed 4 times in a row since 09:00 UTC, last with “did it”; last success 08:00 UTC"
    )
    assert finding.evidence["count"] == 4
    assert finding.evidence["run_ids"] == ["run-0", "run-1", "run-2", "run-3"]
    assert finding.evidence["last_run"]["created_at"] == "2026-09-01T12:00:00+00:00"
    assert finding.last_run_at == datetime(2026, 9, 1, 12, tzinfo=UTC)
    assert (finding.severity, finding.evidence["severity"]) == ("high", "high")
    assert finding.evidence["last_success"]["id"] == "run-4"


def test_another_day_is_named() -> None:
    finding = failures.check(history(["failed"] * 13))
    assert finding
    assert "since 00:00 UTC" in finding.message
    finding = failures.check(history(["failed"] * 14 + ["success"], summary=None))
    assert finding
    assert finding.message == (
        "nova failed 14 times in a row since 2026-08-31 23:00 UTC; last success 2026-08-31 22:00 UTC"
    )


@pytest.mark.parametrize(
    "statuses",
    [
        [],
        ["failed"],
        ["failed", "failed"],
        ["success", "failed", "failed", "failed"],
        ["failed", "failed", "partial", "failed"],
        ["failed", "failed", "silent", "failed"],
    ],
)
def test_fewer_or_interrupted_failures_are_none(statuses: list[str]) -> None:
    assert failures.check(history(statuses)) is None


def test_silent_runs_in_a_row_are_found() -> None:
    finding = silences.check(history(["silent", "silent", "silent", *["success"] * 5]))
    assert finding
    assert finding.message == (
        "nova reported nothing meaningful 3 times in a row since 10:00 UTC; last output 09:00 UTC: “did it”"
    )
    assert finding.evidence["last_output"]["id"] == "run-3"


def test_a_declared_no_op_ends_the_silence() -> None:
    """Ingest counts a declared no-op as output, so its `silence_count` is 0."""
    assert silences.check(history(["silent", "silent", "success", "silent"])) is None


def test_the_runs_own_count_reaches_beyond_the_history() -> None:
    run = ReportedRun("run-0", "success", NOON, silence_count=120, silent=True)
    finding = silences.check(AgentHistory("nova", NOON, (run,)), is_open=True)
    assert finding
    assert finding.message == "nova reported nothing meaningful 120 times in a row"
    assert finding.evidence["count"] == 120


def test_a_streak_as_long_as_the_history_may_be_longer() -> None:
    finding = failures.check(history(["failed"] * HISTORY_DEPTH))
    assert finding
    assert f"at least {HISTORY_DEPTH} times" in finding.message
    assert len(finding.evidence["run_ids"]) == 10


def test_a_streak_of_one_reads_well() -> None:
    finding = ConsecutiveFailures(1).check(history(["failed", "success"]))
    assert finding
    assert finding.message.startswith("nova failed in its last run since 12:00 UTC")


def test_text_of_agents_is_made_harmless() -> None:
    summary = "line\none \x1b[31mred password=hunter22222 " + "x" * 5000
    finding = failures.check(history(["failed"] * 3, summary, agent_id="no\x1bva"))
    assert finding
    assert "\n" not in finding.message
    assert "\x1b" not in finding.message
    assert "hunter" not in finding.message
    assert len(finding.message) < 400
    assert finding.agent_id == "no\x1bva"


statuses = st.lists(st.sampled_from(["success", "partial", "failed", "silent"]), max_size=HISTORY_DEPTH)


@settings(deadline=None)
@given(statuses, st.integers(1, 8))
def test_a_finding_means_that_the_newest_runs_were_all_bad(ran: list[str], streak: int) -> None:
    judged = history(ran)
    newest = ran[:streak]
    expected = len(newest) == streak
    if ConsecutiveFailures(streak).check(judged):
        assert expected
        assert set(newest) == {"failed"}
    if SilentRuns(streak).check(judged):
        assert expected
        assert set(newest) == {"silent"}


@settings(deadline=None)
@given(statuses, st.integers(1, 8))
def test_what_is_found_at_full_depth_is_suspected_at_a_glance(ran: list[str], streak: int) -> None:
    for rule in (ConsecutiveFailures(streak), SilentRuns(streak)):
        glance = ran[: max(streak, PREFILTER_DEPTH)]
        assert rule.suspects(history(glance)) or rule.check(history(ran)) is None
