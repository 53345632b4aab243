"""Which of OpenClaw's forms a body has, and what it tells.

1. A batch, `{"events": […]}` or an array, is each of its events.
2. `{"event": …, "ctx": …}` is a plugin's event with its context; `{"jobs": […]}` beside it all jobs.
3. An object with an `action` is an event, a webhook or a completion; one with a `message` an alert.
4. What is none of these is unknown.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.intake.domain.openclaw import finished, reading
from app.intake.domain.openclaw.alerts import alert_of, is_alert
from app.intake.domain.openclaw.calibration import MOST_EVENTS, MOST_NAME, MOST_TEXT
from app.intake.domain.openclaw.facts import Fact, JobGoneFact, NoRunFact, ToolFailureFact, UnknownFact
from app.intake.domain.openclaw.jobs import job_of, jobs_of
from app.intake.domain.openclaw.unknown import unknown

_CHANGES = ("added", "updated", "scheduled")
_GATEWAY = ("gateway_start", "gateway_stop", "cron_reconciled")
_GATEWAY_FIELDS = frozenset({"port", "reason", "enabled"})
_LEVELS = 3  # of batches within batches
_MOST_OUTPUT = MOST_TEXT // 8  # of one tool of many


def facts_of(body: Any, *, store_prompts: bool = False) -> list[Fact]:
    """Everything that a body tells; at least one fact."""
    events = list(islice(_events(body, _LEVELS), MOST_EVENTS + 1))
    facts = [fact for event in events[:MOST_EVENTS] for fact in _event_facts(*event, store_prompts)]
    if len(events) > MOST_EVENTS:
        facts.append(UnknownFact(f"more than {MOST_EVENTS} events at once"))
    return facts or [NoRunFact("empty")]


def _events(body: Any, levels: int, source: str | None = None) -> Iterator[tuple[Any, str | None]]:
    """The events of a batch with its source; a plugin sends batches of batches, and names itself there."""
    if isinstance(body, dict) and body.get("source") == "plugin":
        source = finished.PLUGIN
    events = body.get("events") if isinstance(body, dict) and "event" not in body else body
    if not isinstance(events, list) or not levels:
        yield body, source
        return
    for event in events:
        yield from _events(event, levels - 1, source)


def _event_facts(body: Any, source: str | None, store_prompts: bool) -> list[Fact]:
    found = _read(body, source, store_prompts) if isinstance(body, dict) else None
    if found is None:
        return [unknown("an event that is not understood", body, store_prompts=store_prompts)]
    return [
        unknown(fact.reason, body, store_prompts=store_prompts) if isinstance(fact, UnknownFact) else fact
        for fact in found
    ]


def _read(body: Mapping[str, Any], source: str | None, store_prompts: bool) -> list[Fact] | None:
    if isinstance(body.get("event"), dict):
        return _plugin_facts(body, body["event"], store_prompts)
    if isinstance(body.get("action"), str):
        return _cron_facts(body, source or _source(body), store_prompts)
    return [alert_of(body)] if is_alert(body) else None


def _source(body: Mapping[str, Any]) -> str:
    """Who says it: a plugin's event names the session's target, a completion how the run was completed."""
    if "sessionTarget" in body:
        return finished.PLUGIN
    return finished.COMPLETION if "completionStatus" in body else finished.WEBHOOK


def _plugin_facts(
    body: Mapping[str, Any], event: Mapping[str, Any], store_prompts: bool
) -> list[Fact] | None:
    context = reading.fields(body.get("ctx"))
    listed = jobs_of(body.get("jobs"), from_plugin=True)
    if listed is not None:
        return [listed]
    if isinstance(event.get("action"), str):
        # Where it names none itself, its context may name the session.
        around = {key: context[key] for key in ("agentId", "sessionKey", "jobId") if key in context}
        return _cron_facts({**around, **event}, finished.PLUGIN, store_prompts)
    if isinstance(event.get("toolName"), str):
        return [_tool(event, context)]
    if isinstance(event.get("success"), bool):
        return [NoRunFact("agent_end")]
    named = body.get("type") or body.get("hook") or body.get("name")
    if named in _GATEWAY or (event and set(event) <= _GATEWAY_FIELDS):
        return [NoRunFact("gateway")]
    return None


def _cron_facts(event: Mapping[str, Any], source: str, store_prompts: bool) -> list[Fact] | None:
    action = event["action"]
    if action == "finished":
        job = job_of(event.get("job"), event, from_plugin=source == finished.PLUGIN)
        run = finished.finished_run(event, source, store_prompts=store_prompts)
        return [run] if job is None else [job, run]
    job_id = reading.job_id(event.get("jobId")) or reading.job_id(reading.fields(event.get("job")).get("id"))
    if action in ("removed", "deleted") and job_id is not None:
        return [JobGoneFact(job_id)]
    if action in _CHANGES:
        changed = job_of(event.get("job"), event, is_change=True, from_plugin=source == finished.PLUGIN)
        return [NoRunFact(action)] if changed is None else [changed]
    return [NoRunFact("started")] if action == "started" else None


def _tool(event: Mapping[str, Any], context: Mapping[str, Any]) -> Fact:
    """A tool of a cron run that failed; others tell of no run, nor do those of a chat."""
    session_key = context.get("sessionKey")
    session = reading.session_of(session_key)
    details = reading.fields(reading.fields(event.get("result")).get("details"))
    failure: dict[str, Any] = {
        "exit_code": reading.whole(details.get("exitCode")) or None,
        "signal": reading.word(details.get("exitSignal")),
        "error": reading.text(event.get("error"), _MOST_OUTPUT),
        "timed_out": True if details.get("noOutputTimedOut") is True else None,
    }
    if session is None or not isinstance(session_key, str) or not any(failure.values()):
        return NoRunFact("tool")
    failure |= {
        "tool": reading.word(event.get("toolName"), MOST_NAME),
        "output": reading.end_of_text(details.get("aggregated"), _MOST_OUTPUT),
        "call_id": reading.word(event.get("toolCallId")),
    }
    said = {name: value for name, value in failure.items() if value is not None}
    return ToolFailureFact(session_key, session[1], said)
