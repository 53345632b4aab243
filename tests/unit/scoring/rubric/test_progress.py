"""Progress: how far the run got, as far as the report bears it out."""

from typing import Any

from app.scoring.rubric import RunReport, score


def progress(status: str, **actions: Any) -> float:
    return score(RunReport("nova", status, actions)).dimensions["progress"]


FACTS = {
    "summary": "Rebuilt search index products_v9: 88,410 documents in 6m41s",
    "log": "jobs/reindex/0512.log",
}


def test_success_over_partial_over_failure_with_the_same_facts() -> None:
    assert progress("success", **FACTS) > progress("partial", **FACTS) > progress("failed", **FACTS)


def test_a_bare_success_is_worth_less_than_half_of_a_shown_one() -> None:
    assert progress("success", summary="Rotated the logs.") < 0.5 * progress("success", **FACTS)


def test_success_over_nothing_but_zeros_is_hardly_one() -> None:
    bare = progress("success", summary="Payment run completed.", payments=[], total=0)
    explained = progress(
        "success", summary="No payment run, the bank is closed (holiday).", payments=[], total=0
    )
    assert bare < 0.35 < explained


def test_an_exit_code_of_zero_is_no_count_of_work() -> None:
    assert progress("success", summary="Restarted web-3", exit_code=0) == progress(
        "success", summary="Restarted web-3"
    )


def test_a_partial_run_earns_by_saying_what_is_open() -> None:
    stated = progress("partial", summary="Translated 7 of 10 pages.", left=["billing", "sso", "limits"])
    unstated = progress("partial", summary="Translated the pages.")
    assert stated > unstated


def test_a_failure_is_no_progress_but_for_what_was_learned() -> None:
    diagnosed = progress("failed", summary="Stopped: node es-3 is full (disk 96%). Still on v8, OPS-771.")
    assert (
        progress("failed", summary="It failed") < diagnosed < progress("success", summary="Rotated the logs.")
    )


def test_a_contradicted_success_is_hardly_one() -> None:
    actions = {"summary": "Synced 4,100 contacts to crm_main", "rows": 4100}
    assert progress("success", **actions, error="connection refused") < 0.6 * progress("success", **actions)
