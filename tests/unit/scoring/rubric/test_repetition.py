"""Repetition: whether the report is about this run, or an earlier one again."""

from typing import Any

from app.scoring.rubric import RunReport, Score, score

REVIEWED = {"summary": "Reviewed open pull requests, no blocking issues.", "prs_reviewed": 4}


def rate(actions: dict[str, Any], *history: dict[str, Any]) -> Score:
    return score(
        RunReport("sage", "success", actions), [RunReport("sage", "success", past) for past in history]
    )


def repetition(actions: dict[str, Any], *history: dict[str, Any]) -> float:
    return rate(actions, *history).dimensions["repetition"]


def test_the_first_report_repeats_nothing() -> None:
    assert repetition(REVIEWED) == 1


def test_a_copy_is_named_and_scores_low() -> None:
    result = rate(REVIEWED, REVIEWED)
    assert result.dimensions["repetition"] < 0.1
    assert "repeats an earlier report word for word" in result.reasons


def test_a_new_timestamp_and_duration_do_not_hide_a_copy() -> None:
    copy = {**REVIEWED, "durationMs": 812, "started_at": "2026-05-02T06:00:00Z", "sessionId": "b"}
    assert (
        repetition(
            copy, {**REVIEWED, "durationMs": 790, "started_at": "2026-05-01T06:00:00Z", "sessionId": "a"}
        )
        < 0.1
    )


def test_spacing_and_order_do_not_hide_a_copy() -> None:
    assert repetition({"prs_reviewed": 4, "summary": f"  {REVIEWED['summary']}\n"}, REVIEWED) < 0.1


def test_a_copy_of_any_recent_report_counts() -> None:
    other = {"summary": "Backup of wiki: 12 GB"}
    assert repetition(REVIEWED, REVIEWED, other, other) < 0.1


def test_new_numbers_in_the_usual_words_are_fine() -> None:
    assert (
        repetition({"summary": "Backup ok: 816 GB in 75 min"}, {"summary": "Backup ok: 815 GB in 76 min"})
        > 0.8
    )


def test_the_same_words_in_another_order_say_nothing_new() -> None:
    assert (
        repetition(
            {"summary": "no blocking issues. Reviewed open pull requests,", "prs_reviewed": 4}, REVIEWED
        )
        < 0.5
    )


def test_the_same_reason_for_doing_nothing_costs_less_than_a_copy() -> None:
    idle = {"no_op": True, "reason": "queue empty"}
    assert repetition(REVIEWED, REVIEWED) < repetition(idle, idle) < 1
