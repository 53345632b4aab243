"""Ids that a person would take for one."""

import pytest

from app.agents.similar import similar_ids


@pytest.mark.parametrize(
    "other",
    [
        "Sage",
        "SAGE",
        "sage\u200b",
        "\u202esage",
        "s age",
        "sa\u00a0ge",
        "\uff53age",
        "sa\u00adge",
        "sage\ufe0f",
    ],
)
def test_ids_that_look_alike_name_each_other(other: str) -> None:
    assert similar_ids(["sage", other, "nova"]) == {"sage": [other], other: ["sage"]}


def test_unicode_forms_and_case_of_any_script_are_passed_over() -> None:
    assert similar_ids(["café", "cafe\u0301", "CAFÉ"])["café"] == ["CAFÉ", "cafe\u0301"]
    assert set(similar_ids(["straße", "STRASSE"])) == {"straße", "STRASSE"}


def test_other_ids_are_other_agents() -> None:
    assert similar_ids(["sage", "sage-2", "sage_", "cafe", "café", "nova"]) == {}
