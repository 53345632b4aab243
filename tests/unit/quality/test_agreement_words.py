"""Agreement in words."""

from app.quality.domain.agreement_report import RatedRun, report
from app.quality.domain.agreement_words import agreement_in_words


def rated(**ratings: float) -> RatedRun:
    """A run with these ratings, which the rubric scored as ada did."""
    return RatedRun(ratings, {("rubric", "4"): ratings["ada"]})


RUNS = [rated(ada=place / 10, ben=0.9 - place / 20) for place in range(8)]


def test_it_names_the_people_that_a_rater_rates_with_and_the_scorers() -> None:
    first, *others = agreement_in_words(report(RUNS), "ada")
    assert first.startswith("you and ben: the same order in 0 % of pairs (95 % interval 0 to ")
    assert first.endswith(" %), over 8 runs that both rated")
    assert [words.partition(":")[0] for words in others] == ["rubric 4"]
    assert others[0].endswith("over 8 rated runs")


def test_what_has_no_figure_is_left_out() -> None:
    assert agreement_in_words(report(RUNS[:4]), "ada") == []
    assert agreement_in_words(report([]), "ada") == []
