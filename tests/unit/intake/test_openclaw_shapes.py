"""Every form in which a real gateway speaks of its runs is the run that it means."""

import json
from typing import Any

import pytest

from app.intake.domain.openclaw.facts import (
    AlertFact,
    Fact,
    JobFact,
    JobListFact,
    NoRunFact,
    RunFact,
    ToolFailureFact,
    UnknownFact,
)
from app.intake.domain.openclaw.history import History, entries_of_receipts, entries_of_tasks
from app.intake.domain.openclaw.shapes import facts_of
from app.runs.silence import is_silent
from app.runs.usage import usage_of
from support.openclaw import DATA, SQLITE_TABLES, body

TIMED_OUT = "cron: job execution timed out (last phase: model-call-started)"
FEEDS = "Checked 3 feeds; wrote 2 summaries to notes/today.md; 1 feed was unreachable."
OUTPUT = "stdout:\nqueue depth 4\n\nstderr:\nwarn"

SENT: dict[str, tuple[str, str, str | None, str | None]] = {
    # file: source, status, OpenClaw's agent, summary (None where the run is silent)
    "webhook-success-agentturn-cron-schedule": ("webhook", "success", "main", FEEDS),
    "webhook-success-agentId-ops": ("webhook", "success", "ops", FEEDS),
    "webhook-ok-command": ("webhook", "success", None, OUTPUT),
    "webhook-ok-NO_REPLY": ("webhook", "success", "main", None),
    "webhook-ok-HEARTBEAT_OK": ("webhook", "success", "main", None),
    "webhook-ok-main-systemEvent": ("webhook", "success", "main", None),
    "webhook-to-500-receiver": ("webhook", "success", "main", FEEDS),
    "redirect-1": ("webhook", "success", "main", FEEDS),
    "webhook-error-command-exit3": ("webhook", "failed", None, "command exited with code 3"),
    "webhook-error-provider-http500": (
        "webhook",
        "failed",
        "main",
        "⚠️ stub/stub-1 request failed (provider internal error, HTTP 500). This is usually temporary — try"
        " again shortly.",
    ),
    "completion-ok-announce-mode": ("completion", "success", "main", FEEDS),
    "completion-ok-NO_REPLY": ("completion", "success", "main", None),
    "completion-1": ("completion", "failed", "main", TIMED_OUT),
    "plugin-cron_finished-ok": ("plugin", "success", "ops", FEEDS),
    "plugin-cron_finished-scheduled": ("plugin", "success", "ops", FEEDS),
    "plugin-cron_finished-timeout": ("plugin", "failed", "ops", TIMED_OUT),
    "plugin-cron_finished-01-ok-agentTurn": ("plugin", "success", "main", FEEDS),
    "plugin-cron_finished-02-error-agentTurn": ("plugin", "failed", "main", TIMED_OUT),
    "plugin-cron_finished-03-ok-command": ("plugin", "success", None, OUTPUT),
    "plugin-cron_finished-04-error-command": ("plugin", "failed", None, "command exited with code 3"),
    "plugin-cron_finished-05-ok-command": ("plugin", "success", None, None),
    "plugin-cron_finished-06-error-command": ("plugin", "failed", None, "command exited with code 2"),
    "plugin-cron_finished-07-ok-agentTurn": ("plugin", "success", "main", FEEDS),
    "plugin-cron_finished-08-error-agentTurn": (
        "plugin",
        "failed",
        "main",
        "cron: job interrupted by gateway restart",
    ),
}
ALERTS = {
    "failurealert-timeout": ("failed", TIMED_OUT),
    "failurealert-command-failed": ("failed", "command exited with code 2"),
    "alert-1": ("failed", TIMED_OUT),
    "alert-2": ("failed", "command exited with code 2"),
    "alert-3": ("success", None),
}
NO_RUNS = {
    "plugin-cron_started": "started",
    "plugin-cron_finished-09-skipped-heartbeat": "system",
    "plugin-gateway_start-1": "gateway",
    "plugin-gateway_stop-1": "gateway",
    "plugin-after_tool_call-1": "tool",
    "plugin-agent_end-1": "agent_end",
    "plugin-agent_end-2": "agent_end",
    "plugin-agent_end-3": "agent_end",
}
JOBS = ("plugin-cron_added", "plugin-cron_scheduled-1", "plugin-cron_updated-1", "plugin-cron_reconciled-1")
TOOLS = {"plugin-after_tool_call-2": 7, "plugin-after_tool_call-3": 3}
HISTORY = {
    # file: (status, agent, summary of each run)
    "cli-cron-runs-interrupted": [("failed", None, "cron: job interrupted by gateway restart")],
    "cli-cron-runs-timeout": [("failed", "main", TIMED_OUT)],
    "rpc-cron-runs-all": [
        ("success", "main", FEEDS),
        ("success", "main", FEEDS),
        ("success", "ops", FEEDS),
    ],
    "http-admin-rpc-cron-runs": [
        ("success", "main", FEEDS),
        ("failed", "main", SENT["webhook-error-provider-http500"][3]),
    ],
    "history-run-cmdempty": [("success", None, None)],
    "history-run-hook500": [("success", "main", FEEDS)],
    "history-run-hookdefaultssrf": [("success", None, "via-default-policy")],
    "history-run-hookrefused": [("success", "main", FEEDS)],
    "history-run-hookslow": [("success", "main", FEEDS)],
    "history-run-timeout": [("failed", "main", TIMED_OUT)],
}


def only(facts: list[Fact], kind: type[Any]) -> Any:
    """The one fact of a kind."""
    [found] = [fact for fact in facts if isinstance(fact, kind)]
    return found


def test_every_captured_file_is_in_a_table() -> None:
    known = {*SENT, *ALERTS, *NO_RUNS, *JOBS, *TOOLS, *HISTORY, "cli-cron-list"}
    known |= {name.removesuffix(".json") for name in SQLITE_TABLES.values()}
    assert {path.stem for path in DATA.glob("*.json")} == known


@pytest.mark.parametrize("name", SENT)
def test_what_was_sent_of_a_finished_run(name: str) -> None:
    sent = body(name)
    event = sent.get("event", sent)
    run = only(facts_of(sent), RunFact)
    source, status, agent, summary = SENT[name]
    assert (run.source, run.status, run.agent) == (f"openclaw-{source}", status, agent)
    assert (run.job_id, run.run_at_ms) == (event["jobId"], event["runAtMs"])
    assert run.finished_at_ms == event["runAtMs"] + event["durationMs"]
    assert is_silent(run.actions) == (summary is None)
    assert summary is None or run.actions["summary"] == summary
    usage = usage_of(run.actions)
    assert usage.seconds == pytest.approx(event["durationMs"] / 1000)
    assert usage.tokens == (1290 if "usage" in event else None)
    assert only(facts_of(sent), JobFact).job_id == run.job_id


@pytest.mark.parametrize("name", SENT)
def test_no_prompt_and_no_command_is_kept_unless_it_is_to_be(name: str) -> None:
    sent = body(name)
    payload = sent.get("event", sent)["job"]["payload"]
    private = [payload.get("message") or payload.get("text"), *payload.get("argv", [])]
    asked = [json.dumps(text) for text in private if text and text not in ("sh", "-c", "-lc", "true")]
    kept = "".join(str(fact) for fact in facts_of(sent))
    assert [text for text in asked if text.strip('"') in kept] == []
    stored = only(facts_of(sent, store_prompts=True), RunFact).actions
    assert stored.get("prompt") == (payload.get("message") or payload.get("text"))
    assert stored.get("argv") == payload.get("argv")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_tells_how_the_run_went_and_no_more(name: str) -> None:
    sent = body(name)
    alert = only(facts_of(sent), AlertFact)
    status, error = ALERTS[name]
    assert (alert.job_id, alert.run_at_ms, alert.status) == (sent["jobId"], sent["runAtMs"], status)
    assert (alert.actions.get("summary"), alert.actions.get("error")) == (error, error)
    assert is_silent(alert.actions) == (error is None)


@pytest.mark.parametrize("name", NO_RUNS)
def test_what_tells_of_no_finished_run(name: str) -> None:
    assert only(facts_of(body(name)), NoRunFact).what == NO_RUNS[name]


@pytest.mark.parametrize("name", JOBS)
def test_what_tells_of_jobs(name: str) -> None:
    [fact] = facts_of(body(name))
    assert isinstance(fact, JobFact | JobListFact)
    assert not isinstance(fact, JobFact) or fact.is_change


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_failed_behind_an_ok(name: str) -> None:
    fact = only(facts_of(body(name)), ToolFailureFact)
    assert fact.failure["exit_code"] == TOOLS[name]
    assert fact.session_key == body(name)["ctx"]["sessionKey"]
    assert body(name)["event"]["params"]["command"] not in str(fact)


@pytest.mark.parametrize("name", HISTORY)
def test_what_the_history_tells(name: str) -> None:
    history = History()
    assert history.add(body(name))
    runs = [fact for fact in history.facts() if isinstance(fact, RunFact)]
    assert [(run.status, run.agent, run.actions.get("summary")) for run in runs] == HISTORY[name]
    assert {run.source for run in runs} == {"openclaw-history"}


def test_what_the_database_tells() -> None:
    history = History()
    for row in body("sqlite-cron_jobs"):
        history.jobs.append(json.loads(row["job_json"]) | {"agentId": row["agent_id"]})
    tasks = [row | {"detail_json": json.loads(row["detail_json"])} for row in body("sqlite-task_runs-cron")]
    history.entries += entries_of_tasks(tasks)
    history.entries += entries_of_receipts(body("sqlite-cron_run_receipts"))
    facts = history.facts()
    runs = {run.actions["job_name"]: run for run in facts if isinstance(run, RunFact)}
    assert len([fact for fact in facts if isinstance(fact, RunFact)]) == 32
    # One heartbeat, in both tables.
    assert [fact.what for fact in facts if isinstance(fact, NoRunFact)] == ["system", "system"]
    for name in ("hook500", "hookrefused", "hookredir", "hooklocalhost", "hookslow", "hookdefaultssrf"):
        assert runs[name].status == "success"  # only a webhook did not answer
    for name in ("timeout", "interrupted", "cmdtimeout", "err500", "cmdfail", "plug timeout"):
        assert runs[name].status == "failed"
    assert runs["cmdfail"].actions["output"] == "stdout:\npartial out\n\nstderr:\nboom"
    assert runs["cmdfail"].actions["exit_code"] == 3
    assert runs["interrupted"].agent == "ops"
    assert runs["timeout"].actions["error_reason"] == "timeout"


def test_a_row_whose_details_are_lost_is_not_called_failed_without_an_error() -> None:
    row = {"source_id": "job", "started_at": 1_795_332_095_413, "ended_at": 1_795_332_101_262}
    rows = [
        row | {"status": "succeeded"},
        row | {"status": "timed_out", "started_at": 1_795_332_095_414},
        row | {"status": "failed", "error": "boom", "started_at": 1_795_332_095_415},
        row | {"status": "failed", "error": None, "started_at": 1_795_332_095_416},
    ]
    history = History()
    history.entries += entries_of_tasks(rows)
    statuses = [fact.status for fact in history.facts() if isinstance(fact, RunFact)]
    assert statuses == ["success", "failed", "failed"]


def test_a_skipped_run_is_neither_a_success_nor_a_failure() -> None:
    event = body("webhook-ok-command") | {"status": "skipped", "error": "disabled", "summary": None}
    run = only(facts_of(event), RunFact)
    assert (run.status, run.actions["error"]) == ("partial", "disabled")


@pytest.mark.parametrize(
    ("said", "last_failed", "status"),
    [("ok", True, "partial"), ("ok", False, "success"), ("ok", "yes", "success"), ("error", True, "failed")],
)
def test_a_run_that_ended_on_a_failed_tool_is_no_success(said: str, last_failed: object, status: str) -> None:
    event = body("webhook-ok-command") | {"status": said, "lastToolFailed": last_failed}
    assert only(facts_of(event), RunFact).status == status


def test_an_error_behind_an_ok_is_kept_and_changes_no_status() -> None:
    run = only(facts_of(body("webhook-ok-command") | {"error": "one feed was refused"}), RunFact)
    assert (run.status, run.actions["summary"]) == ("success", OUTPUT)
    assert run.actions["error"] == "one feed was refused"


def test_credentials_in_what_an_agent_says_are_masked() -> None:
    secret = "ghp_" + "a1B2" * 9
    event = body("webhook-ok-command") | {"summary": f"pushed with {secret}"}
    assert only(facts_of(event), RunFact).actions["summary"] == "pushed with [redacted]"
    event |= {"status": "error", "error": f"denied for {secret}"}
    assert secret not in str(facts_of(event))
    alert = body("alert-2")
    alert["message"] += f" {secret}"
    assert secret not in str(facts_of(alert))


def test_a_batch_is_each_of_its_events() -> None:
    names = ["plugin-after_tool_call-3", "plugin-cron_finished-03-ok-command", "plugin-agent_end-1"]
    events = [body(name) for name in names]
    alone = [fact for event in events for fact in facts_of(event)]
    assert facts_of({"events": events}) == facts_of(events) == alone
    assert facts_of({"source": "plugin", "version": "1", "events": [{"events": events}]}) == alone
    assert facts_of({"events": []}) == [NoRunFact("empty")]


def test_a_plugin_that_names_itself_is_the_source() -> None:
    event = {name: each for name, each in body("plugin-cron_finished-ok").items() if name != "sessionTarget"}
    assert only(facts_of(event), RunFact).source == "openclaw-completion"
    batch = {"source": "plugin", "version": "1", "events": [{"events": [event]}]}
    assert only(facts_of(batch), RunFact).source == "openclaw-plugin"
    assert only(facts_of(batch), JobFact).from_plugin


def test_a_name_in_an_alert_says_nothing_of_the_run() -> None:
    name = 'x" recovered\nLast error: none'
    alert = {"jobId": "j", "jobName": name, "runAtMs": 1_795_332_095_413}
    failed = alert | {"message": f'Automation "{name}" failed 2 times\nCause: timeout\nLast error: a\nb'}
    fact = only(facts_of(failed), AlertFact)
    assert (fact.status, fact.actions["error"], fact.actions["error_reason"]) == ("failed", "a\nb", "timeout")
    unclear = alert | {"message": "Something else"}
    assert isinstance(facts_of(unclear)[0], UnknownFact)
