"""What Claude Code and Codex print, in the shapes that they print it."""

import json
from typing import Any

import pytest

from app.cli.agent_results import AgentResult, read_agent_result

RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "duration_ms": 81234,
    "duration_api_ms": 80001,
    "num_turns": 12,
    "result": "Fixed the leak in session.py.\nTests pass.",
    "session_id": "0d9bc0de-7c3a-4a1c-9d3b-8a1a2f6a0001",
    "total_cost_usd": 0.4321,
    "usage": {"input_tokens": 1200, "cache_read_input_tokens": 90000, "output_tokens": 4100},
    "permission_denials": [{"tool_name": "Bash", "tool_input": {"command": "rm -rf /srv/secret"}}],
    "uuid": "7d0c6d0e-0d5a-4a55-8a55-bb6a3a4f0002",
}
SYSTEM = {
    "type": "system",
    "subtype": "init",
    "session_id": RESULT["session_id"],
    "uuid": "1",
    "tools": ["Bash"],
}
USER = {"type": "user", "session_id": RESULT["session_id"], "uuid": "2", "message": {"content": "my prompt"}}
STARTED = {"type": "thread.started", "thread_id": "0199a213-81c0-7800-8aa1-bbab2a035a53"}
TURN = {"type": "turn.started"}
COMPLETED = {
    "type": "turn.completed",
    "usage": {"input_tokens": 24763, "cached_input_tokens": 24448, "output_tokens": 122},
}


def message(text: str) -> dict[str, Any]:
    """An answer of Codex."""
    return {"type": "item.completed", "item": {"id": "item_3", "type": "agent_message", "text": text}}


def read(*values: Any) -> AgentResult | None:
    """What these values say, printed in this order."""
    return read_agent_result(reversed(values), values)


def test_a_result_of_claude_is_its_answer_with_what_it_took() -> None:
    result = read(RESULT)
    assert result is not None
    assert (result.text, result.is_failed) == (RESULT["result"], False)
    assert result.fields == {
        "subtype": "success",
        "is_error": False,
        "session_id": RESULT["session_id"],
        "num_turns": 12,
        "duration_ms": 81234,
        "total_cost_usd": 0.4321,
        "usage": RESULT["usage"],
    }


def test_the_same_at_the_end_of_a_stream_and_of_a_verbose_array() -> None:
    assert read(SYSTEM, USER, RESULT) == read([SYSTEM, USER, RESULT]) == read(RESULT)
    hook = {"type": "system", "subtype": "hook_response", "session_id": RESULT["session_id"], "uuid": "3"}
    assert read(SYSTEM, RESULT, hook) == read(RESULT)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"is_error": True, "result": "API Error: Rate limit reached"}, "API Error: Rate limit reached"),
        ({"is_error": True, "subtype": "error_max_turns", "result": None}, "error max turns"),
        ({"subtype": "error_during_execution", "result": None, "errors": ["boom", "bang"]}, "boom; bang"),
    ],
)
def test_an_error_of_claude_is_a_failure_whatever_its_subtype(changes: dict[str, Any], text: str) -> None:
    result = read(RESULT | changes)
    assert result is not None
    assert (result.text, result.is_failed) == (text, True)


def test_structured_output_is_what_it_did() -> None:
    result = read(RESULT | {"structured_output": {"summary": "Closed 2 issues", "closed": [4, 7]}})
    assert result is not None
    assert result.text == "Closed 2 issues"
    assert result.fields["closed"] == [4, 7]
    assert read(RESULT | {"result": '{"summary": "Closed 1 issue", "closed": [4]}'}) == AgentResult(
        "Closed 1 issue",
        False,
        {"summary": "Closed 1 issue", "closed": [4]} | (read(RESULT) or result).fields,
    )


def test_a_stream_of_claude_that_was_cut_off_says_nothing() -> None:
    assert read(SYSTEM, USER) == AgentResult()


def test_a_turn_of_codex_is_its_last_answer_with_what_it_took() -> None:
    result = read(STARTED, TURN, message("Looking"), message("All tidy"), COMPLETED)
    fields = {"thread_id": STARTED["thread_id"], "usage": COMPLETED["usage"]}
    assert result == AgentResult("All tidy", False, fields)


def test_an_error_that_codex_got_over_is_none() -> None:
    result = read(
        STARTED, TURN, {"type": "error", "message": "Reconnecting... 1/5"}, message("Tidy"), COMPLETED
    )
    assert result is not None
    assert (result.text, result.is_failed) == ("Tidy", False)


@pytest.mark.parametrize(
    "end",
    [
        {"type": "turn.failed", "error": {"message": "stream disconnected"}},
        {"type": "error", "message": "stream disconnected"},
    ],
)
def test_a_failure_of_codex(end: dict[str, Any]) -> None:
    result = read(STARTED, TURN, message("Looking"), end)
    assert result == AgentResult("stream disconnected", True, {"thread_id": STARTED["thread_id"]})


def test_codex_is_known_though_its_beginning_is_lost() -> None:
    assert read(message("Tidy"), COMPLETED) == AgentResult("Tidy", False, {"usage": COMPLETED["usage"]})


@pytest.mark.parametrize(
    "value",
    [
        {"summary": "Mine"},
        {"type": "result", "result": 3},
        {"type": "error", "message": "no such file"},
        {"type": ["result"]},
        [],
        [1],
        "text",
    ],
)
def test_what_other_programs_print_is_left_to_them(value: Any) -> None:
    assert read(value) is None
    assert read(RESULT, value) is None


def test_neither_prompts_nor_tool_calls_are_kept() -> None:
    command = {
        "type": "item.completed",
        "item": {"type": "command_execution", "command": "cat /srv/secret", "aggregated_output": "secret"},
    }
    for result in (read(SYSTEM, USER, RESULT), read(STARTED, command, message("Tidy"), COMPLETED)):
        assert result is not None
        kept = json.dumps([result.text, dict(result.fields)])
        assert "secret" not in kept
        assert "prompt" not in kept
