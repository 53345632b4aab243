"""What tells of nothing, whatever is reported around it."""

from typing import Any

import pytest

from app.runs.silence import is_silent, says_nothing

META = {
    "durationMs": 812,
    "model": "m-1",
    "provider": "p",
    "usage": {"input_tokens": 812, "output": 0},
    "session_id": "5f0c",
    "stopReason": "end",
    "deliveryStatus": "not-delivered",
    "delivered": False,
}


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "  ",
        "NO_REPLY",
        "HEARTBEAT_OK",
        "**HEARTBEAT_OK**",
        "HEARTBEAT_OK.",
        "[SILENT]",
        "(empty response)",
        "ok",
        "Done",
        ".",
        "Nothing to do",
        "N/A",
        "\U0001f44d",
    ],
)
def test_a_quiet_summary_says_nothing_with_metadata_or_without(summary: str) -> None:
    assert says_nothing({"summary": summary})
    assert says_nothing({"summary": summary, **META})


@pytest.mark.parametrize(
    "actions",
    [
        {"summary": "Read 41 feeds, 0 new"},
        {"summary": "Done: 3 invoices"},
        {"summary": "ok", "invoices": 0},
        {"summary": "Done", "files_changed": ["a.py"]},
        {"summary": "Nothing to do", "no_op": True},
        {"summary": "", "no_op": True, "reason": "all is current"},
        {"emails": 3},
        {"durationMs": 812},
        {"summary": "完成了三项任务"},
    ],
)
def test_output_says_something(actions: dict[str, Any]) -> None:
    assert not says_nothing(actions)


@pytest.mark.parametrize("actions", [{}, {"summary": None}, {"no_op": True}, {"files": [], "note": " "}])
def test_what_is_counted_as_silent_says_nothing(actions: dict[str, Any]) -> None:
    assert is_silent(actions)
    assert says_nothing(actions)


def test_the_specified_count_goes_by_fewer() -> None:
    assert not is_silent({"summary": "Done"})
    assert not is_silent({"summary": "NO_REPLY", **META})
