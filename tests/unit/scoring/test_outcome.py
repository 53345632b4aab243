"""Outcome: what was achieved, as far as the report bears it out."""

from typing import Any

import pytest

from app.domain.scoring import RunReport, score


def outcome(status: str, **actions: Any) -> float:
    return score(RunReport("nova", status, actions)).dimensions["outcome"]


FACTS = {
    "summary": "Rebuilt search index products_v9: 88,410 documents in 6m41s",
    "log": "jobs/reindex/0512.log",
}


def test_success_over_partial_over_failure_with_the_same_facts() -> None:
    assert outcome("success", **FACTS) > outcome("partial", **FACTS) > outcome("failed", **FACTS)


def test_a_bare_success_is_worth_less_than_half_of_a_shown_one() -> None:
    assert outcome("success", summary="Done.") < 0.5 * outcome("success", **FACTS)


def test_success_over_nothing_but_zeros_is_hardly_one() -> None:
    bare = outcome("success", summary="Payment run completed.", payments=[], total=0)
    explained = outcome(
        "success", summary="No payment run, the bank is closed (holiday).", payments=[], total=0
    )
    assert bare < 0.35 < explained


def test_an_exit_code_of_zero_is_no_count_of_work() -> None:
    assert outcome("success", summary="Restarted web-3", exit_code=0) == outcome(
        "success", summary="Restarted web-3"
    )


def test_a_partial_run_earns_by_saying_what_is_open() -> None:
    told = outcome("partial", summary="Translated 7 of 10 pages.", left=["billing", "sso", "limits"])
    untold = outcome("partial", summary="Translated the pages.")
    assert told > untold


@pytest.mark.parametrize(
    "diagnosis",
    [
        "Deploy of api 4.2.0 stopped: migration 0117 locks orders > 60 s. Rolled back to 4.1.9, DBA asked.",
        "Abgebrochen: Zertifikat von ldap-2 ist am 3. Mai abgelaufen. Nichts geändert, IT-411.",
        "El proveedor cambió la columna 'precio' el 4 de mayo, por eso falló. No se escribió nada; DAT-77.",
    ],
)
def test_the_worth_of_a_failure_is_its_diagnosis(diagnosis: str) -> None:
    vague = "Something went wrong, see the logs. There could be various reasons. Please try again later."
    assert outcome("failed", summary=diagnosis) > outcome("failed", summary=vague) + 0.15


def test_a_contradicted_success_is_hardly_one() -> None:
    actions = {"summary": "Synced 4,100 contacts to crm_main", "rows": 4100}
    assert outcome("success", **actions, error="connection refused") < 0.6 * outcome("success", **actions)
