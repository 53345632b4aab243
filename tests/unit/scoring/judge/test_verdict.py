"""Nothing but a judgement is taken as one."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.scoring.judge import VerdictError, read_verdict
from app.scoring.judge.retry import retry_pause
from app.scoring.judge.sampling import is_sampled
from support.judge_stub import GOOD


def test_a_judgement_is_read() -> None:
    verdict = read_verdict(json.dumps(GOOD | {"overall": 0.123456, "confidence": "high"}))
    assert verdict.overall == 0.1235
    assert verdict.dimensions == GOOD["dimensions"]
    assert verdict.reasons == GOOD["reasons"]


@pytest.mark.parametrize("text", ["```json\n%s\n```", "```\n%s```", "\n %s \n"])
def test_a_judgement_in_a_markdown_block_is_read(text: str) -> None:
    assert read_verdict(text % json.dumps(GOOD)).overall == 0.42


@pytest.mark.parametrize(
    "changes",
    [
        {"overall": 1.0001},
        {"overall": -0.1},
        {"overall": 42},
        {"overall": "0.9"},
        {"overall": True},
        {"overall": None},
        {"overall": [1]},
        {"overall": float("nan")},
        {"overall": float("inf")},
        {"dimensions": {}},
        {"dimensions": {"outcome": 2}},
        {"dimensions": {"outcome": "high"}},
        {"dimensions": [0.5]},
        {"dimensions": {f"d{n}": 0.5 for n in range(13)}},
        {"dimensions": {"out\ncome": 0.5}},
        {"reasons": "good"},
        {"reasons": [1]},
        {"reasons": ["x" * 601]},
        {"reasons": ["x"] * 9},
        {"reasons": ["a\0b"]},
        {"reasons": ["\ud800"]},
    ],
    ids=str,
)
def test_anything_else_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(VerdictError):
        read_verdict(json.dumps(GOOD | changes))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.9",
        "null",
        "[]",
        "{}",
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD) * 2,
        "I give it 0.9: " + json.dumps(GOOD),
        json.dumps(GOOD) + " as asked",
        json.dumps(GOOD).replace("0.42", "1e999"),
        "[" * 100_000,
        '{"a":' * 100_000,
        "I cannot judge this.",
    ],
    ids=lambda text: text[:30],
)
def test_other_text_is_none(text: str) -> None:
    with pytest.raises(VerdictError):
        read_verdict(text)


def test_a_credential_in_a_reason_is_masked() -> None:
    verdict = read_verdict(json.dumps(GOOD | {"reasons": ["It leaks sk-live-a1b2c3d4e5f6a7b8c9d0."]}))
    assert "a1b2" not in verdict.reasons[0]


def test_pauses_grow_and_end() -> None:
    assert [retry_pause(n) for n in (1, 2, 3)] == [timedelta(minutes=1), timedelta(minutes=5), None]


@pytest.mark.parametrize(
    ("asked_for", "pause"), [(0, 60), (5, 60), (600, 600), (1e9, 86_400), (float("inf"), 86_400)]
)
def test_an_endpoint_is_left_alone_as_long_as_it_asks_for(asked_for: float, pause: float) -> None:
    assert retry_pause(1, asked_for) == timedelta(seconds=pause)
    assert retry_pause(3, asked_for) is None


def test_the_same_runs_are_sampled_everywhere_and_a_larger_share_holds_a_smaller_one() -> None:
    ids = [UUID(int=n * 2**64 + 12345) for n in range(4000)]
    chosen = {share: {run_id for run_id in ids if is_sampled(run_id, share)} for share in (0, 0.1, 0.5, 1)}
    assert not chosen[0]
    assert chosen[0.1] < chosen[0.5] < chosen[1] == set(ids)
    assert 320 < len(chosen[0.1]) < 480
    # Known by SHA-256 alone: 0.4206 of the way up.
    assert is_sampled(UUID(int=7), 0.421)
    assert not is_sampled(UUID(int=7), 0.42)
