"""Scores are the same for reports that say the same, and cannot be had by filling a report up."""

import pytest

from app.scoring.rubric import RunReport, score
from support.score_variants import HONEST_SMALL, TRANSLATED, Actions, Translated, Variant, stuffings, variants


def rate(actions: Actions, status: str = "success") -> float:
    return score(RunReport("helios", status, actions)).auto


@pytest.mark.parametrize("variant", list(variants()), ids=lambda variant: variant.change)
def test_what_is_no_part_of_what_a_report_says_moves_no_score(variant: Variant) -> None:
    assert abs(rate(variant.changed, variant.status) - rate(variant.base, variant.status)) <= 0.01


def test_no_stuffing_passes_a_small_honest_report() -> None:
    names = {name.partition(",")[0] for name, _ in stuffings()}
    assert len(names) >= 20
    best = max(stuffings(), key=lambda stuffed: rate(stuffed[1]))
    assert rate(best[1]) < rate(HONEST_SMALL) - 0.05, best[0]


@pytest.mark.parametrize("report", TRANSLATED, ids=lambda report: report.name)
def test_a_report_is_worth_the_same_in_every_language(report: Translated) -> None:
    rated = {
        code: rate({"summary": text, **report.fields}, report.status) for code, text in report.texts.items()
    }
    assert len(rated) >= 6
    assert max(rated.values()) - min(rated.values()) <= report.most_apart, rated
