"""What Hermes tells of the runs of its cron jobs: by its outbound webhooks, and in its ledger of executions.

Hermes' own source has both: the event `on_session_end` of `hooks.outbound`, signed as webhooks of GitHub are,
and the table `executions` of `cron/executions.db`. Neither says what a run did. They share no id of a run, so
that one which both report is two.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any

from app.intake.domain.openclaw import reading
from app.intake.domain.report import Report
from app.kit.times import moment_in

SOURCE = "hermes"
AGENT = "hermes"
"""Whose runs are those of the default profile, which has no name of its own."""

SESSION_END = "on_session_end"
FINISHED = ("completed", "failed", "unknown")
"""States of an execution that has ended; `unknown` is one whose process died."""

MAX_ERROR = 2000
"""Characters that are kept of an error, about a screen."""

_DEFAULT_PROFILE = "default"
_CRON_SESSION = re.compile(r"cron_([!-~]{1,200})_\d{8}_\d{6}")
_SIGNATURE_PREFIX = "sha256="


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether `signature`, of the header `X-Hermes-Signature-256`, is that of the body by the secret."""
    expected = _SIGNATURE_PREFIX + hmac.digest(secret.encode(), body, "sha256").hex()
    return hmac.compare_digest(expected.encode(), signature.encode())


def report_of_session(
    profile: str | None, session_id: str, extra: Mapping[str, Any], timestamp: str | None
) -> Report | None:
    """The run of a session that has ended; None where it is no cron job's, or how it ended is not said.

    A session that was interrupted has failed, though it may be `completed` too; one that ended of itself
    without being completed, such as at its limit of turns, is partial.
    """
    job = _CRON_SESSION.fullmatch(session_id)
    completed = extra.get("completed")
    if not session_id or not (job or extra.get("platform") == "cron") or not isinstance(completed, bool):
        return None
    reason = reading.text(extra.get("turn_exit_reason"), MAX_ERROR)
    actions: dict[str, Any] = {}
    if extra.get("failed") is True or extra.get("interrupted") is True:
        status = "failed"
        error = reason or ("interrupted" if extra.get("interrupted") is True else "failed")
        actions |= {"summary": error, "error": error}
    else:
        status = "success" if completed else "partial"
        actions["stop_reason"] = reason
    actions |= {
        "job_id": job[1] if job else None,
        "session_id": reading.word(session_id),
        "model": reading.word(extra.get("model")),
    }
    name = reading.word(profile)
    return Report(
        agent_id=AGENT if name in (None, _DEFAULT_PROFILE) else str(name),
        status=status,
        actions={key: value for key, value in actions.items() if value is not None},
        run_key=_key("session", session_id),
        source=SOURCE,
        finished_at=moment_in({"at": timestamp}, "at"),
    )


def report_of_execution(execution: Mapping[str, Any], agent: str) -> Report | None:
    """The run of a row of the ledger; None for one that has not ended, or that has no id."""
    execution_id, status = execution.get("id"), execution.get("status")
    if not isinstance(execution_id, str) or not execution_id or status not in FINISHED:
        return None
    actions: dict[str, Any] = {}
    if status != "completed":
        error = reading.text(execution.get("error"), MAX_ERROR) or str(status)
        actions |= {"summary": error, "error": error}
    actions |= {
        "job_id": reading.job_id(execution.get("job_id")),
        "execution_id": reading.word(execution_id),
        "trigger": reading.word(execution.get("source")),
        "delivery_status": reading.word(execution.get("delivery_outcome")),
        "scheduled_at": reading.word(execution.get("scheduled_instant")),
    }
    return Report(
        agent_id=agent,
        status="success" if status == "completed" else "failed",
        actions={key: value for key, value in actions.items() if value is not None},
        run_key=_key("execution", execution_id),
        source=SOURCE,
        started_at=moment_in(execution, "started_at") or moment_in(execution, "claimed_at"),
        finished_at=moment_in(execution, "finished_at"),
    )


def _key(kind: str, identity: str) -> str:
    """A run key of visible ASCII, whatever characters an id has."""
    return f"hermes:{kind}:" + re.sub(r"[^!-~]", "_", identity)[:200]
