"""A failure alert of OpenClaw: a sentence for people about one run, without its agent."""

import re
from collections.abc import Mapping
from typing import Any

from app.intake.domain.openclaw import reading
from app.intake.domain.openclaw.calibration import MOST_NAME, MOST_TEXT
from app.intake.domain.openclaw.facts import AlertFact, UnknownFact

_WHAT = re.compile(r"(failed|skipped|recovered)\b")
_NAMED = re.compile(r'[^"\n]{0,40}"(?:.*" )?', re.DOTALL)
_CAUSE = re.compile(r"^Cause: (.+)$", re.MULTILINE)
_LAST_ERROR = re.compile(r"^Last error: (.*)", re.MULTILINE | re.DOTALL)
_STATUSES = {"failed": "failed", "skipped": "partial", "recovered": "success"}


def is_alert(body: Mapping[str, Any]) -> bool:
    """Whether a body has the form of an alert."""
    return isinstance(body.get("message"), str) and "jobId" in body and "action" not in body


def alert_of(body: Mapping[str, Any]) -> AlertFact | UnknownFact:
    """What an alert says of the run, and nothing that it does not say: of a recovery that it succeeded."""
    job_id, run_at = reading.job_id(body.get("jobId")), reading.millis(body.get("runAtMs"))
    name, message = body.get("jobName"), body["message"][: 4 * MOST_TEXT]
    said = message
    if isinstance(name, str) and f'"{name}" ' in message:
        said = message.partition(f'"{name}" ')[2]  # which may hold any words itself
    elif found := _NAMED.match(message):
        said = message[found.end() :]
    what = _WHAT.match(said)
    if job_id is None or run_at is None or what is None:
        return UnknownFact("an alert that is not understood")
    # By a field that is no output: a recovery does not say that the run had any.
    actions: dict[str, Any] = {"completion_status": what[1]}
    if what[1] != "recovered":
        error = _LAST_ERROR.search(said)
        cause = _CAUSE.search(said[: error.start()] if error else said)
        actions["error"] = actions["summary"] = reading.text(error[1], MOST_TEXT) if error else None
        actions["error_reason"] = reading.word(cause[1]) if cause else None
    actions |= {"job_id": job_id, "job_name": reading.text(name, MOST_NAME)}
    return AlertFact(
        job_id=job_id,
        run_at_ms=run_at,
        status=_STATUSES[what[1]],
        actions={key: value for key, value in actions.items() if value is not None},
    )
