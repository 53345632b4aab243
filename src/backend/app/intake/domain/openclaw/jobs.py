"""A cron job of OpenClaw, as its events, its lists and its database have it."""

from collections.abc import Mapping
from typing import Any

from app.intake.domain.openclaw import reading
from app.intake.domain.openclaw.calibration import MOST_JOBS, MOST_NAME
from app.intake.domain.openclaw.facts import JobFact, JobListFact

_SYSTEM_DECLARATIONS = ("heartbeat:", "skill-collection-review:", "memory-core:")
_SYSTEM_MESSAGES = ("__openclaw_",)
_REGULAR = ("every", "cron", "at")
_SCHEDULE_TEXTS, _SCHEDULE_NUMBERS = ("kind", "expr", "tz", "at"), ("everyMs", "anchorMs", "staggerMs")


def is_system(job: Mapping[str, Any]) -> bool:
    """Whether the gateway keeps the job for itself: heartbeats, reviews of skills, upkeep of its memory.

    Events of a plugin name no declaration, so these go by the payload.
    """
    payload = reading.fields(job.get("payload"))
    declaration, message = job.get("declarationKey"), payload.get("message")
    return (
        payload.get("kind") == "heartbeat"
        or (isinstance(declaration, str) and declaration.startswith(_SYSTEM_DECLARATIONS))
        or (isinstance(message, str) and message.startswith(_SYSTEM_MESSAGES))
    )


def agent_of(event: Mapping[str, Any], job: Mapping[str, Any]) -> str | None:
    """The agent that an event or its job names, by itself or in a session's key; None where none does."""
    session = reading.session_of(event.get("sessionKey"))
    named = (event.get("agentId"), job.get("agentId"), session and session[0], job.get("effectiveAgentId"))
    return next(filter(None, map(reading.word, named)), None)


def job_of(
    value: Any, event: Mapping[str, Any] | None = None, *, is_change: bool = False, from_plugin: bool = False
) -> JobFact | None:
    """The job in `value`, with the agent that the `event` around it names; None where it is none."""
    job = reading.fields(value)
    event = event or {}
    job_id = reading.job_id(job.get("id")) or reading.job_id(event.get("jobId"))
    if job_id is None or not job:
        return None
    state, schedule = reading.fields(job.get("state")), reading.fields(job.get("schedule"))
    return JobFact(
        job_id=job_id,
        name=reading.text(job.get("displayName") or job.get("name"), MOST_NAME),
        agent=agent_of(event, job),
        enabled=job.get("enabled") is not False,
        is_system=is_system(job),
        is_irregular=schedule.get("kind") not in _REGULAR or bool(job.get("trigger") or job.get("pacing")),
        schedule=_schedule(schedule) or None,
        next_run_at_ms=reading.millis(state.get("nextRunAtMs") or job.get("nextRunAtMs")),
        is_change=is_change,
        from_plugin=from_plugin,
    )


def jobs_of(values: Any, *, from_plugin: bool = False) -> JobListFact | None:
    """A list of jobs; None where `values` is none. What is no job in it is left out."""
    if not isinstance(values, list):
        return None
    found = (job_of(value, is_change=True, from_plugin=from_plugin) for value in values[:MOST_JOBS])
    return JobListFact([job for job in found if job is not None])


def _schedule(schedule: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in _SCHEDULE_TEXTS:
        if said := reading.word(schedule.get(name)):
            kept[name] = said
    for name in _SCHEDULE_NUMBERS:
        if (number := reading.amount(schedule.get(name))) is not None:
            kept[name] = number
    return kept
