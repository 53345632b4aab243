"""Evidence: what somebody who was not there could check."""

from typing import Any

import pytest

from app.scoring.rubric import RunReport, Score, score


def rate(**actions: Any) -> Score:
    return score(RunReport("atlas", "success", actions))


def evidence(**actions: Any) -> float:
    return rate(**actions).dimensions["evidence"]


@pytest.mark.parametrize(
    "reference",
    [
        "https://git.acme.test/api/pulls/1482",
        "s3://lake/quarantine/2026-03-11.ndjson",
        "src/api/orders.py",
        "/var/log/nginx",
        "report.pdf",
        "9f3c1e7",
        "BILL-310",
        "#88213",
        "PR 2217",
        "e1c5d2f0-77aa-4f0b-9b1d-5a1d0c8f1f6e",
        "web-02",
        "test_refund_twice",
        "v4.12.0",
    ],
)
def test_a_reference_of_any_kind_is_evidence(reference: str) -> None:
    bare = "The matter was looked into and dealt with"
    assert evidence(summary=f"{bare}, see {reference}") > evidence(summary=bare) + 0.1


def test_more_of_one_kind_proves_less_and_less() -> None:
    one, two, nine = (
        evidence(summary="Changed", files=[f"src/m{n}/x.py" for n in range(k)]) for k in (1, 2, 9)
    )
    assert one < two < nine
    assert two - one > (nine - two) / 7


def test_flags_assert_and_prove_nothing() -> None:
    plain = {"summary": "Fixed the bug in the order list"}
    assert evidence(**plain, tested=True, verified=True, production_ready=True) == evidence(**plain)


@pytest.mark.parametrize(
    "placeholder",
    [
        "commit abc1234",
        "ticket #1234",
        "file1.sql",
        "screenshot.png",
        "https://example.com/report",
        "path/to/file.py",
        "sha256 0123456789abcdef",
    ],
)
def test_a_placeholder_is_no_evidence(placeholder: str) -> None:
    result = rate(summary=f"Fixed the matter, evidence: {placeholder}")
    assert result.dimensions["evidence"] < 0.1
    assert any("placeholder" in reason for reason in result.reasons)


def test_placeholders_devalue_what_stands_beside_them() -> None:
    real = "Fixed in 8ba02fd"
    assert evidence(summary=f"{real}, log.txt, file1.py") < evidence(summary=real)


def test_top_marks_for_oneself_take_away() -> None:
    plain = {"summary": "Batched the lookup, p95 840 ms -> 390 ms"}
    boasting = rate(**plain, quality_score=1.0, confidence=0.99, correctness="100%")
    assert boasting.dimensions["evidence"] < evidence(**plain)
    assert "gives itself top marks" in boasting.reasons


@pytest.mark.parametrize("norm", ["ISO 27001", "OWASP Top 10", "SOC 2", "WCAG 2.1", "p < 0.05", "24/7"])
def test_the_number_in_a_norm_measures_nothing(norm: str) -> None:
    assert evidence(summary=f"In line with {norm}") == 0


def test_reasons_name_what_was_found() -> None:
    reasons = rate(summary="Changed api/orders.py and api/users.py in 9f3c1e7").reasons
    assert "names 2 paths, 1 commit or digest" in reasons
