"""Specificity: how much a report says in the words it uses, and whether it can be read."""

from typing import Any

import pytest

from app.scoring.rubric import RunReport, Score, score


def rate(**actions: Any) -> Score:
    return score(RunReport("lyra", "success", actions))


def specificity(**actions: Any) -> float:
    return rate(**actions).dimensions["specificity"]


FACT = "Raised payments-api memory 512Mi -> 768Mi after 4 restarts on 11 May"


def test_concrete_beats_vague() -> None:
    vague = "Tuned several settings of various services where needed to improve overall stability"
    assert specificity(summary=FACT) > specificity(summary=vague) + 0.3


def test_padding_adds_words_and_takes_worth() -> None:
    padded = (
        "Stability is a topic that matters to all of us, which is why I took a careful look today. "
        f"After weighing the options I did the following. {FACT}. I believe this will serve the team, "
        "and I would like to thank everybody for the trust that was placed in me during this work."
    )
    result = rate(summary=padded)
    assert result.dimensions["specificity"] < specificity(summary=FACT) - 0.15
    assert any("words" in reason for reason in result.reasons)


def test_narrated_steps_are_padding() -> None:
    steps = [
        "Started the task",
        "Read the task",
        "Thought about it",
        "Opened a connection",
        "Wrote this report",
    ]
    assert specificity(summary=FACT, steps=steps) < specificity(summary=FACT)


def test_praise_stands_where_facts_should() -> None:
    praise = "Delivered world-class, seamless and robust improvements of outstanding quality"
    assert "praises the work where facts should stand" in rate(summary=praise).reasons
    assert specificity(summary=praise) < 0.2


@pytest.mark.parametrize(
    ("stuffed", "reason"),
    [
        ("tests passed tests passed. Unit tests passed, e2e tests passed, all tests passed.", "repeats"),
        (
            "retry, jitter, backoff, resilience, caching, testing, clean code, docker, observability",
            "keywords",
        ),
        ("数据治理、数据质量、数据血缘、实时数仓、湖仓一体、全链路监控、智能告警、自动化测试", "keywords"),
    ],
)
def test_keywords_are_no_account(stuffed: str, reason: str) -> None:
    result = rate(summary=stuffed)
    assert result.dimensions["specificity"] < 0.1
    assert any(reason in text for text in result.reasons)


@pytest.mark.parametrize(
    "actions",
    [
        {"summary": '{"msg": "Raised payments-api memory 512Mi -> 768Mi", "aft'},
        {"data": '{"msg": "Raised payments-api memory", "from": "512Mi", "to": "768Mi"}'},
        {"summary": f"\x1b[1m{FACT}\x1b[0m\x1b[32m done\x1b[0m"},
        {"summary": f"<div><p>{FACT}</p><br></div>"},
        {"summary": f"{FACT}, deploy/val... [truncated, 4211 bytes omitted]"},
        {"x1": "payments-api", "tmp": "512Mi", "foo": {"arr": ["768Mi", 4]}},
        {"output": f"$ kubectl apply\nunchanged\n{FACT}\nconfigured\nexit 0"},
        {"summary": "\n".join(f"2026-05-01 03:00:0{n} INFO step {n}" for n in range(6))},
    ],
    ids=[
        "serialised and cut",
        "serialised",
        "terminal codes",
        "markup",
        "truncated",
        "opaque keys",
        "tool output",
        "log",
    ],
)
def test_what_hides_the_content_costs(actions: dict[str, Any]) -> None:
    assert specificity(**actions) < 0.75 * specificity(summary=FACT)


def test_truncating_files_is_no_truncated_report() -> None:
    assert "breaks off" not in rate(summary="Truncated 2 log files in /var/log/app").reasons
