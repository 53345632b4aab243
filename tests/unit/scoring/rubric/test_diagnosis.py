"""Diagnosis: what a failed run leaves for the person who looks into it."""

from typing import Any

import pytest

from app.scoring.rubric import RunReport, Score, score


def rate(status: str = "failed", **actions: Any) -> Score:
    return score(RunReport("nova", status, actions))


def diagnosis(**actions: Any) -> float:
    return rate(**actions).dimensions["diagnosis"]


@pytest.mark.parametrize(
    "account",
    [
        "Deploy of api 4.2.0 stopped: migration 0117 locks orders > 60 s. Rolled back to 4.1.9, DBA asked.",
        "Abgebrochen: Zertifikat von ldap-2 ist am 3. Mai abgelaufen. Nichts geändert, IT-411.",
        "El proveedor cambió la columna 'precio' el 4 de mayo, por eso falló. No se escribió nada; DAT-77.",
    ],
)
def test_the_worth_of_a_failure_is_its_diagnosis(account: str) -> None:
    vague = "Something went wrong, see the logs. There could be various reasons. Please try again later."
    assert diagnosis(summary=account) > diagnosis(summary=vague) + 0.3


@pytest.mark.parametrize(
    "addition",
    [
        "Cause: the disk of build-07 is full.",
        "Nothing was written, still on 4.1.9.",
        "Owner asked in OPS-71, next try tomorrow.",
        "It breaks at loader.py:88 after 310 of 6,200 steps.",
    ],
)
def test_each_part_of_a_diagnosis_counts(addition: str) -> None:
    bare = "The nightly training failed."
    assert diagnosis(summary=f"{bare} {addition}") > diagnosis(summary=bare) + 0.1


def test_what_follows_the_colon_is_a_cause() -> None:
    assert diagnosis(summary="renewal failed: DNS timeout") > diagnosis(summary="renewal failed")


def test_fields_may_tell_it() -> None:
    account = {"cause": "discount_pct came as a string", "remedy": "cast it in stg_orders.sql"}
    assert (
        diagnosis(summary="Hourly load failed", details=account)
        > diagnosis(summary="Hourly load failed") + 0.3
    )


def test_a_stack_trace_is_no_diagnosis() -> None:
    trace = ["airflow/models/task.py:1407", "snowflake/hooks.py:391", "snowflake/errors.py:290"]
    assert diagnosis(summary="Hourly load failed", trace=trace) == diagnosis(summary="Hourly load failed")


def test_reasons_say_what_is_told_and_what_is_missing() -> None:
    reasons = rate(summary="Deploy failed: the quota of elastic addresses is used up").reasons
    assert "explains its failure: why" in reasons
    assert any(reason.startswith("leaves open about its failure: exactly where") for reason in reasons)


@pytest.mark.parametrize("status", ["success", "partial"])
def test_where_nothing_failed_there_is_nothing_to_diagnose(status: str) -> None:
    assert rate(status, summary="Moved 3 jobs").dimensions["diagnosis"] == 1
