"""What command-line agents print of a run, as JSON: Claude Code and Codex.

- `claude -p --output-format json` prints one object of type `result`, or with `--verbose` an array that ends
  with it; `stream-json` prints a line for each message, of which the result is the last. `is_error` decides,
  since an error of the API comes with subtype `success`.
- `codex exec --json` prints a line for each event. The last of `turn.completed`, `turn.failed` and `error`
  decides: an `error` before it was one that Codex got over, such as a connection that it made again.

Prompts, tool calls and what tools returned are not kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from app.cli.actions import read_actions
from app.kit.strict_json import StrictJSONError

_CLAUDE_KEPT = (
    *("subtype", "is_error", "session_id", "num_turns", "duration_ms"),
    *("total_cost_usd", "usage", "modelUsage", "errors"),
)
_CODEX_ENDS = ("turn.completed", "turn.failed", "error")
_CODEX_OTHERS = ("thread.started", "turn.started", "item.started", "item.updated", "item.completed")


class AgentResult(NamedTuple):
    """What an agent says of its run: its answer or error, whether it failed, and what else is kept of it."""

    text: str = ""
    is_failed: bool = False
    fields: Mapping[str, Any] = {}


def read_agent_result(backward: Iterable[Any], first: Iterable[Any]) -> AgentResult | None:
    """What an agent says, by the JSON values that it printed, the last one first, and by the first ones.

    None where the last value is of none of these agents. The result is empty where the agent was ended within
    its work.
    """
    values = list(backward)
    if messages := list(takewhile(_is_of_claude, values)):
        return _of_claude(messages)
    messages = list(takewhile(_is_of_codex, values))
    thread = next((value for value in first if _type(value) == "thread.started"), None)
    if not messages or (thread is None and all(_type(message) == "error" for message in messages)):
        return None  # as many programs say it
    return _of_codex(messages, thread or {})


def _of_claude(backward: Sequence[Any]) -> AgentResult:
    results = (message for message in map(_last, backward) if _type(message) == "result")
    result: Mapping[str, Any] = next(results, {})
    fields = {key: result[key] for key in _CLAUDE_KEPT if result.get(key) not in (None, [])}
    subtype, errors = _text(result.get("subtype")), result.get("errors")
    is_failed = result.get("is_error") is True or subtype.startswith("error")
    text = _text(result.get("result"))
    if is_failed:
        said = "; ".join(map(_text, errors)) if isinstance(errors, list) else ""
        return AgentResult(text or said or subtype.replace("_", " "), True, fields)
    structured = result.get("structured_output")
    if isinstance(structured, dict):
        return AgentResult(_text(structured.get("summary")) or text, False, structured | fields)
    return _answered(text, fields)


def _of_codex(backward: Sequence[Any], thread: Mapping[str, Any]) -> AgentResult:
    end: Mapping[str, Any] = next((event for event in backward if _type(event) in _CODEX_ENDS), {})
    items = (event.get("item") for event in backward if _type(event) == "item.completed")
    message: Mapping[str, Any] = next((item for item in items if _type(item) == "agent_message"), {})
    kept = {"thread_id": thread.get("thread_id"), "usage": end.get("usage")}
    fields = {key: value for key, value in kept.items() if value}
    answer = _text(message.get("text"))
    if _type(end) not in ("turn.failed", "error"):
        return _answered(answer, fields)
    error = end.get("error", end)
    said = _text(error.get("message")) if isinstance(error, dict) else ""
    return AgentResult(said or answer, True, fields)


def _answered(answer: str, fields: Mapping[str, Any]) -> AgentResult:
    """The result of an agent that did not fail, with the fields of an answer that is a JSON object itself."""
    try:
        own = read_actions(answer.encode())
    except (StrictJSONError, UnicodeEncodeError):
        return AgentResult(answer, False, fields)
    return AgentResult(_text(own.get("summary")), False, {**own, **fields})


def _is_of_claude(value: Any) -> bool:
    """Every message names its session, and all but the results of early versions have an id of their own."""
    message = _last(value)
    if _type(message) is None or not isinstance(message.get("session_id"), str):
        return False
    return "uuid" in message or (message["type"] == "result" and "is_error" in message)


def _is_of_codex(value: Any) -> bool:
    return _type(value) in (*_CODEX_ENDS, *_CODEX_OTHERS)


def _type(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list) and value else value


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
