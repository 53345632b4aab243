"""Advice: what an agent could do better."""

from typing import Any

from app.scoring.rubric import RunReport, advice, score
from app.scoring.rubric.scorer import LEFT, WEIGHTS


def advised(status: str, **actions: Any) -> tuple[str, ...]:
    return advice(score(RunReport("sage", status, actions)))


def test_a_good_report_needs_none() -> None:
    assert (
        advised(
            "success",
            summary="Fixed the leak in db/session.py, 8ba02fd; 14 tests pass, PR 2217, p95 840 -> 390 ms",
        )
        == ()
    )


def test_the_weakest_dimension_comes_first() -> None:
    given = advised("success", summary="Logged in with password: Kanu!tt88 and fixed everything")
    assert given[0].startswith("keep secrets out of reports")
    assert any("name what can be looked up" in phrase for phrase in given)


def test_silence_is_told_one_thing() -> None:
    assert len(advised("success", summary="NO_REPLY")) == 1


def test_every_dimension_has_a_phrase() -> None:
    from app.scoring.rubric.advice import PHRASES

    assert set(PHRASES) == {*WEIGHTS, *LEFT}
