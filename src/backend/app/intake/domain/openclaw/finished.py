"""A finished run of OpenClaw: what its event, its webhook, its completion and its history entry say alike."""

import re
from collections.abc import Mapping
from typing import Any

from app.intake.domain.openclaw import jobs, reading
from app.intake.domain.openclaw.calibration import (
    MOST_ARGUMENTS,
    MOST_NAME,
    MOST_SUMMARY,
    MOST_TEXT,
    MOST_USAGE_FIELDS,
)
from app.intake.domain.openclaw.facts import NoRunFact, RunFact, UnknownFact

PLUGIN, WEBHOOK, COMPLETION = "openclaw-plugin", "openclaw-webhook", "openclaw-completion"
ALERT, HISTORY = "openclaw-alert", "openclaw-history"

STATUSES = {
    **dict.fromkeys(("ok", "success", "succeeded"), "success"),
    **dict.fromkeys(
        ("error", "failed", "timeout", "timed_out", "interrupted", "cancelled", "canceled", "aborted"),
        "failed",
    ),
    "skipped": "partial",
}
"""The log's status for each of OpenClaw's. A skipped run did nothing: neither is it a success nor a failure.

What became of the delivery of a run's answer (`completionStatus`, `deliveryStatus`) is no part of it:
OpenClaw calls a run failed there when only a webhook did not answer.
"""

LAST_TOOL_FAILED = "lastToolFailed"
"""The field by which our plugin says that a run ended on a tool that failed.

Only words followed, so its `ok` is no success.
"""

_EXIT_CODE = re.compile(r"exited with code (-?[0-9]{1,9})")


def finished_run(
    event: Mapping[str, Any], source: str, *, store_prompts: bool = False
) -> RunFact | NoRunFact | UnknownFact:
    """The run that `event` says has finished; why there is none otherwise."""
    job = reading.fields(event.get("job"))
    if jobs.is_system(job):
        return NoRunFact("system")
    session = reading.session_of(event.get("sessionKey"))
    job_id = (
        reading.job_id(event.get("jobId"))
        or reading.job_id(job.get("id"))
        or (session[1] if session else None)
    )
    run_at, said = reading.millis(event.get("runAtMs")), event.get("status")
    status = STATUSES.get(said) if isinstance(said, str) else None
    if status == "success" and event.get(LAST_TOOL_FAILED) is True:
        status = "partial"
    if job_id is None or run_at is None or status is None:
        missing = "job" if job_id is None else "run time" if run_at is None else "status"
        return UnknownFact(f"a finished run without a known {missing}")
    return RunFact(
        job_id=job_id,
        run_at_ms=run_at,
        source=source,
        status=status,
        actions=_actions(event, job, job_id, status, store_prompts=store_prompts),
        agent=jobs.agent_of(event, job),
        finished_at_ms=_finished_at(event, run_at),
        session_key=reading.word(event.get("sessionKey"), 1_000) if session else None,
    )


def _finished_at(event: Mapping[str, Any], run_at: int) -> int | None:
    """When it ended: a history entry says so, an event says how long it took."""
    ended = reading.millis(event.get("ts"))
    if ended is not None and ended >= run_at:
        return ended
    took = reading.amount(event.get("durationMs"))
    return None if took is None else reading.millis(run_at + int(took))


def _actions(
    event: Mapping[str, Any], job: Mapping[str, Any], job_id: str, status: str, *, store_prompts: bool
) -> dict[str, Any]:
    payload = reading.fields(job.get("payload"))
    summary = _summary(event, payload, store_prompts=store_prompts)
    error = reading.text(event.get("error"), MOST_TEXT)
    actions: dict[str, Any] = {}
    if status == "success" or error is None:
        actions |= {"summary": reading.text(summary, MOST_SUMMARY), "error": error}
    else:
        actions |= {"summary": error, "error": error}
        # What the command or the agent said before: its end is nearest to what went wrong.
        actions["output"] = reading.end_of_text(summary, MOST_TEXT)
    actions["error_reason"] = reading.word(event.get("errorReason")) or reading.word(event.get("cause"))
    actions["exit_code"] = _exit_code(event, status)
    actions |= {
        "job_id": job_id,
        "job_name": reading.text(job.get("name") or event.get("jobName"), MOST_NAME),
        "kind": reading.word(payload.get("kind")),
        "duration_ms": reading.amount(event.get("durationMs")),
        "model": reading.text(event.get("model"), MOST_NAME),
        "provider": reading.text(event.get("provider"), MOST_NAME),
        "usage": _usage(event.get("usage")),
        "session_id": reading.word(event.get("sessionId")),
        "run_id": reading.word(event.get("runId")),
        "delivery": _delivery(event),
    }
    if store_prompts:
        actions |= _prompts(payload)
    return {name: value for name, value in actions.items() if value not in (None, {}, [])}


def _summary(event: Mapping[str, Any], payload: Mapping[str, Any], *, store_prompts: bool) -> str | None:
    summary = event.get("summary")
    asked = (payload.get("text"), payload.get("message"))
    if not store_prompts and isinstance(summary, str) and summary in asked:
        return None  # an event for the main session is answered with its own text
    return summary if isinstance(summary, str) else None


def _exit_code(event: Mapping[str, Any], status: str) -> int | None:
    """What the command ended with, by its diagnostics or by the words of its error."""
    entries = reading.fields(event.get("diagnostics")).get("entries")
    for entry in entries if isinstance(entries, list) else ():
        if (code := reading.whole(reading.fields(entry).get("exitCode"))) is not None:
            return code
    error = event.get("error")
    found = _EXIT_CODE.search(error[:1_000]) if status == "failed" and isinstance(error, str) else None
    return int(found[1]) if found else None


def _usage(value: Any) -> dict[str, int | float]:
    return {
        name: number
        for key, each in list(reading.fields(value).items())[:MOST_USAGE_FIELDS]
        if (name := reading.word(key, 64)) and (number := reading.amount(each)) is not None
    }


def _delivery(event: Mapping[str, Any]) -> dict[str, Any]:
    """What became of the answer, which is neither the run's output nor its failure."""
    said = {
        "status": reading.word(event.get("deliveryStatus")),
        "suppressed": reading.word(event.get("deliverySuppressionReason")),
    }
    return {name: value for name, value in said.items() if value}


def _prompts(payload: Mapping[str, Any]) -> dict[str, Any]:
    argv = payload.get("argv")
    said = (
        [reading.text(part, MOST_TEXT) or "" for part in argv[:MOST_ARGUMENTS]]
        if isinstance(argv, list)
        else []
    )
    return {"prompt": reading.text(payload.get("message") or payload.get("text"), MOST_SUMMARY), "argv": said}
