"""Padding: whether every word is needed."""

from typing import Any

import pytest

from app.scoring.rubric import RunReport, Score, score

FACT = "Raised payments-api memory 512Mi -> 768Mi after 4 restarts on 11 May"


def rate(**actions: Any) -> Score:
    return score(RunReport("lyra", "success", actions))


def padding(**actions: Any) -> float:
    return rate(**actions).dimensions["padding"]


@pytest.mark.parametrize(
    "summary", ["Rotated the logs.", FACT, "Rotated logs on web-01", "索引を再作成、88,410 件、6 分"]
)
def test_a_short_report_wastes_no_words(summary: str) -> None:
    assert padding(summary=summary) == 1
    assert "wastes no words" in rate(summary=summary).reasons


@pytest.mark.parametrize(
    ("padded", "reason"),
    [
        (f"{FACT}. {'Stability is a topic that matters to all of us every day. ' * 6}", "more than once"),
        (
            f"{FACT}. A memory limit is the most that a container may take before the kernel ends it, so it "
            "should be chosen with care, since too low a limit ends a container and too high a limit takes "
            "from its neighbours what they may need when their own load grows later in the day.",
            "spreads few facts",
        ),
        (f"Dear team, {FACT}. Thank you for the trust, please do not hesitate to reach out", "ceremony"),
        (f"{FACT}, a seamless, robust and truly outstanding improvement", "praises"),
    ],
)
def test_padding_is_named(padded: str, reason: str) -> None:
    assert padding(summary=padded) < 0.8
    assert any(reason in text for text in rate(summary=padded).reasons)


def test_a_long_report_full_of_facts_is_none() -> None:
    long = "; ".join(f"moved host-{n} to rack R-{n} with {n * 17} GB in {n}.5 min" for n in range(11, 31))
    assert padding(summary=long) == 1


def test_saying_it_in_every_field_is_padding() -> None:
    fields = {key: f"The table events was vacuumed, {n}" for n, key in enumerate("abcdef")}
    assert padding(summary="The table events was vacuumed", **fields) < 0.8
