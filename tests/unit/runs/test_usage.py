"""What a run took, by the fields of those who report it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.engine import loads_exactly
from app.runs.payloads import read_payload
from app.runs.usage import Usage, usage_of


@pytest.mark.parametrize(
    ("payload", "usage"),
    [
        ({"summary": "Fixed it"}, Usage()),
        # OpenClaw
        (
            {"durationMs": 1500, "usage": {"input_tokens": 234, "output_tokens": 56, "total_tokens": 1290}},
            Usage(1.5, 1290),
        ),
        # Claude Code
        (
            {
                "type": "result",
                "duration_ms": 2400,
                "duration_api_ms": 9,
                "total_cost_usd": 0.42,
                "usage": {
                    "input_tokens": 3,
                    "cache_creation_input_tokens": 10,
                    "cache_read_input_tokens": 200,
                    "output_tokens": 40,
                },
            },
            Usage(2.4, 253, 0.42),
        ),
        # Codex
        ({"usage": {"input_tokens": 100, "cached_input_tokens": 90, "output_tokens": 7}}, Usage(None, 107)),
        # OpenTelemetry
        ({"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 6}, Usage(None, 11)),
        ({"result": {"duration_seconds": 2.5, "cost_usd": 0}}, Usage(2.5, None, 0.0)),
        ({"duration_minutes": 2, "steps": {"duration_minutes": 1}}, Usage(120.0)),
        ({"durationMs": True, "total_cost_usd": "0.42", "total_tokens": -1}, Usage()),
        ({"durationMs": 10**400, "total_tokens": float("nan"), "total_cost_usd": float("inf")}, Usage()),
        ([{"durationMs": 1}], Usage()),
        ("durationMs", Usage()),
    ],
)
def test_what_a_run_took(payload: Any, usage: Usage) -> None:
    assert usage_of(read_payload(json.dumps(payload))) == usage
    assert usage_of(loads_exactly(json.dumps(payload))) == usage


def test_a_report_of_many_objects_is_not_searched_for_ever() -> None:
    many = {str(number): {str(each): {} for each in range(50)} for number in range(50)}
    payload = {**many, "49": {"49": {"durationMs": 1}}}
    assert usage_of(read_payload(json.dumps(payload))) == Usage()


NAMES = (
    st.sampled_from(("durationMs", "total_tokens", "input_tokens", "cost_usd", "duration_minutes"))
    | st.text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_report_says_amounts_or_nothing(payload: Any) -> None:
    usage = usage_of(payload)
    assert all(amount is None or 0 <= amount < 1e18 for amount in usage)
