"""From the spans of one export request to the runs that they tell of.

A run is what a scheduler would call one: the outermost span of an agent. Spans of an agent are those of the
GenAI semantic conventions whose `gen_ai.operation.name` is `invoke_agent` or `invoke_workflow`, and
`openclaw.run` of OpenClaw. An agent that works for another one within the same request is part of that one's
run. Where the other's span comes in a later request, as it ends later, it is a run of its own: rather a run
too many than one that is lost.

Prompts, completions and the arguments of tools are not read. What is kept of a run are its figures, the names
of the tools that it called, as far as their spans came along, and of a failed one the error.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.intake.domain.openclaw import reading
from app.intake.domain.openclaw.reading import storable
from app.intake.domain.report import Report
from app.intake.domain.spans import STATUS_ERROR, Span
from app.kit.text import shortened
from app.kit.times import EPOCH

SOURCE = "otlp"
SUMMARY = "runlog.summary"
"""An attribute by which an instrumented program says in a sentence what the run did."""

MAX_TEXT = 2000
"""Characters that are kept of a summary or an error, about a screen; most of an error is a stack trace."""
MAX_TOOLS = 50
"""Names of tools that are kept of a run; few agents have more."""
_MAX_NAME = 200  # characters of a tool's or model's name

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
_AGENT_OPERATIONS = frozenset({"invoke_agent", "invoke_workflow"})
_SPAN_NAME = re.compile(r"(?s:invoke_(?:agent|workflow) (.+))")
_OPENCLAW_RUN = "openclaw.run"
# Of OpenClaw's triggers those that no scheduler gives: it looks after itself, or a person writes to it.
_UNSCHEDULED = frozenset({"heartbeat", "memory", "overflow", "user"})
_UNNAMED_SERVICE = "unknown_service"  # what an SDK calls a service without a name
_UNKNOWN = "unknown"  # what OpenClaw writes where it knows no value

# Fields of a report by the attributes that say them, the first that is there.
_FIELDS: Mapping[str, Sequence[str]] = {
    "model": ("gen_ai.response.model", "gen_ai.request.model", "openclaw.model"),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "openclaw.provider"),
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "conversation_id": ("gen_ai.conversation.id",),
    "channel": ("openclaw.channel",),
    "trigger": ("openclaw.trigger",),
}

_Place = tuple[str, str]  # a trace's id and a span's


class Reading(NamedTuple):
    """What an export request tells: reports of runs, why other spans of agents are none, and how many
    spans have been read only for what they say of these, or not at all."""

    reports: list[Report]
    refused: list[str]
    others: int


def read_spans(spans: Sequence[Span]) -> Reading:
    """The runs that the spans of one request tell of.

    1. The outermost agent's span above each span is found.
    2. Names of called tools are gathered for it.
    3. It becomes a report, unless nothing scheduled it; or is refused, with the reason.
    """
    outermost = _outermost(spans)
    tools: defaultdict[_Place, set[str]] = defaultdict(set)
    for span in spans:
        run = outermost[_place(span)]
        tool = span.attributes.get("gen_ai.tool.name")
        if run is not None and isinstance(tool, str) and tool.strip():
            tools[_place(run)].add(_name(tool))
    reports, refused = [], []
    for span in spans:
        if outermost[_place(span)] is not span or span.attributes.get("openclaw.trigger") in _UNSCHEDULED:
            continue
        problem = _problem(span)
        if problem is None:
            reports.append(_report(span, tools[_place(span)]))
        else:
            refused.append(problem)
    return Reading(reports, refused, len(spans) - len(reports) - len(refused))


def _place(span: Span) -> _Place:
    return span.trace_id, span.span_id


def _outermost(spans: Iterable[Span]) -> dict[_Place, Span | None]:
    """For each span the outermost agent's span among it and its ancestors in the request.

    Each span is gone through once, however long chains of parents are, and whether or not they end.
    """
    known = {_place(span): span for span in spans}
    found: dict[_Place, Span | None] = {}
    for first in known.values():
        path: dict[_Place, Span] = {}
        span: Span | None = first
        while span is not None and _place(span) not in found and _place(span) not in path:
            path[_place(span)] = span
            span = known.get((span.trace_id, span.parent_id))
        above = found.get(_place(span)) if span is not None else None
        for place, member in reversed(path.items()):
            above = above or (member if _is_agents(member) else None)
            found[place] = above
    return found


def _is_agents(span: Span) -> bool:
    return span.name == _OPENCLAW_RUN or span.attributes.get("gen_ai.operation.name") in _AGENT_OPERATIONS


def _problem(span: Span) -> str | None:
    """Why an agent's span cannot be a run; None where it can."""
    if not (_TRACE_ID.fullmatch(span.trace_id) and _SPAN_ID.fullmatch(span.span_id)):
        return "a span of an agent has no valid trace id and span id"
    if not _agent_id(span):
        return "a span of an agent names no agent: set gen_ai.agent.name, or the resource's service.name"
    return None


def _agent_id(span: Span) -> str:
    named_in_span = _SPAN_NAME.fullmatch(span.name)
    named = (
        *(span.attributes.get(key) for key in ("gen_ai.agent.name", "openclaw.agent", "gen_ai.agent.id")),
        span.attributes.get("gen_ai.workflow.name"),
        named_in_span[1] if named_in_span else None,
        "" if span.service.startswith(_UNNAMED_SERVICE) else span.service,
    )
    names = (storable(name).strip() for name in named if isinstance(name, str) and name != _UNKNOWN)
    return next(filter(None, names), "")


def _report(span: Span, tools: set[str]) -> Report:
    error = _error(span)
    actions: dict[str, Any] = {}
    if summary := reading.text(span.attributes.get(SUMMARY), MAX_TEXT) or error:
        actions["summary"] = summary
    if error:
        actions["error"] = error
    if tools:
        actions["tools"] = sorted(tools)[:MAX_TOOLS]
    for field, attributes in _FIELDS.items():
        values = (span.attributes.get(attribute) for attribute in attributes)
        value = next((each for each in values if each not in (None, "", _UNKNOWN)), None)
        if value is not None:
            actions[field] = _name(value) if isinstance(value, str) else value
    if span.end_ns >= span.start_ns > 0:
        actions["duration_ms"] = (span.end_ns - span.start_ns) // 1_000_000
    actions |= {"trace_id": span.trace_id, "span_id": span.span_id}
    return Report(
        agent_id=_agent_id(span),
        status="success" if error is None else "failed",
        actions=actions,
        run_key=f"otlp:{span.trace_id}:{span.span_id}",
        source=SOURCE,
        started_at=_moment(span.start_ns),
        finished_at=_moment(span.end_ns),
    )


def _error(span: Span) -> str | None:
    """What went wrong in a run, None where nothing did: its status, its type of error, OpenClaw's outcome."""
    outcome = span.attributes.get("openclaw.outcome", "completed")
    kind = span.attributes.get("error.type") or span.attributes.get("openclaw.errorCategory")
    if span.status_code != STATUS_ERROR and not kind and outcome == "completed":
        return None
    message = span.status_message or span.attributes.get("openclaw.error")
    parts = [storable(part).strip() for part in (kind, message) if isinstance(part, str)]
    said = ": ".join(dict.fromkeys(filter(None, parts)))
    if not said and outcome == "completed":
        return "the span ended with an error"
    return reading.text(said or str(outcome), MAX_TEXT)


def _name(name: str) -> str:
    return shortened(storable(name).strip(), _MAX_NAME)


def _moment(nanoseconds: int) -> datetime | None:
    return EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds > 0 else None
