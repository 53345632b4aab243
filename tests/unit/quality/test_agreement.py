"""Agreement: published and hand-computed values, and the plain definitions where there are none."""

from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.quality.domain.agreement import (
    Measure,
    _wilson,
    agreement,
    kappa_of_table,
    pairwise_agreement,
    spearman,
    student_quantile,
    weighted_kappa,
)
from app.quality.domain.agreement_report import RatedRun, report
from app.quality.domain.calibration import LEAST_COMPARED

SCORE = st.integers(0, 10).map(lambda tenths: tenths / 10)
SERIES = st.lists(st.tuples(SCORE, SCORE), min_size=LEAST_COMPARED, max_size=40)


def figures(measure: Measure) -> list[float]:
    """The value and the bounds of a measure that has them all."""
    assert measure.reason is None
    found = [measure.value, measure.low, measure.high]
    return [value for value in found if value is not None]


def test_spearman_of_a_published_example() -> None:
    # Ten people's IQ and hours of television: rho = -29/165.
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert figures(spearman(iq, hours)) == pytest.approx([-29 / 165, -0.7278, 0.5145], abs=1e-4)


def test_spearman_gives_equal_values_their_mean_rank() -> None:
    # Ranks 1, 2.5, 2.5, 4, 5 and 1.5, 1.5, 3, 4.5, 4.5: 8.25 / sqrt(9.5 * 9).
    value, _, _ = figures(spearman([1, 2, 2, 3, 4], [0, 0, 1, 2, 2]))
    assert value == pytest.approx(8.25 / (9.5 * 9) ** 0.5)


@pytest.mark.parametrize(("turn", "value"), [(1, 1), (-1, -1)])
def test_a_complete_correlation_still_has_an_interval(turn: int, value: float) -> None:
    found, low, high = figures(spearman(range(10), [turn * n for n in range(10)]))
    assert found == value
    assert max(abs(low), abs(high)) == 1
    assert 0.8 < min(abs(low), abs(high)) < 1


def test_pairs_in_order_counted_by_hand() -> None:
    # Of the ten pairs ys ties one. Of the nine left xs turns (c, d) round, ties (a, b), and has seven.
    value, low, high = figures(pairwise_agreement([1, 1, 3, 2, 5], [0, 1, 2, 3, 3]))
    assert value == pytest.approx(7.5 / 9)
    assert 0 < low < value < high < 1


@given(SERIES)
def test_pairs_in_order_are_what_their_definition_says(series: list[tuple[float, float]]) -> None:
    xs, ys = zip(*series, strict=True)
    pairs = [(a, b) for a, b in combinations(series, 2) if a[1] != b[1]]
    found = pairwise_agreement(xs, ys)
    if not pairs:
        assert (found.value, found.low, found.high) == (None, None, None)
        return
    order = [((a[0] > b[0]) - (a[0] < b[0])) * (1 if a[1] > b[1] else -1) for a, b in pairs]
    assert found.value == pytest.approx(fmean((sign + 1) / 2 for sign in order))


def test_wilsons_interval_of_a_published_example() -> None:
    # Newcombe (1998): 81 of 263.
    assert _wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_kappa_and_its_interval_computed_by_hand() -> None:
    # Observed 0.7, expected 0.5; the variance is (0.0529 - 0.0025) / (50 * 0.5**4).
    found = figures(kappa_of_table([[20, 5], [10, 15]]))
    reach = 1.959964 * 0.016128**0.5
    assert found == pytest.approx([0.4, 0.4 - reach, 0.4 + reach], abs=1e-6)


def test_weighted_kappa_of_a_published_example() -> None:
    # Cohen (1968): disagreements weigh 1, 3 and 6; kappa is 1 - 0.90 / 1.38.
    table = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    disagreement = [[0, 1, 3], [1, 0, 6], [3, 6, 0]]
    found = kappa_of_table(table, lambda i, j, _: 1 - disagreement[i][j] / 6)
    assert found.value == pytest.approx(0.348, abs=5e-4)
    plain = kappa_of_table(table, lambda i, j, _: float(i == j))
    assert plain.value == pytest.approx(0.492, abs=5e-4)


def test_kappa_is_of_thirds_and_forgives_a_neighbour_three_quarters() -> None:
    # Counts by thirds [[2, 1, 0], [0, 2, 0], [0, 0, 1]]: observed 5.75 / 6.
    xs = [0.1, 0.2, 0.3, 0.5, 0.6, 0.9]
    ys = [0.3, 0.0, 0.4, 0.6, 0.5, 1.0]
    rows, columns = [3, 2, 1], [2, 3, 1]
    expected = sum(rows[i] * columns[j] * (1 - ((i - j) / 2) ** 2) for i in range(3) for j in range(3)) / 36
    assert weighted_kappa(xs, ys).value == pytest.approx((5.75 / 6 - expected) / (1 - expected))


@pytest.mark.parametrize(("degrees", "quantile"), [(4, 2.776), (9, 2.262), (29, 2.045), (1000, 1.962)])
def test_students_quantile_is_that_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(degrees) == pytest.approx(quantile, abs=0.01)


def test_errors_are_signed_and_absolute() -> None:
    found = agreement([0.5, 0.7, 0.9, 0.2, 0.6], [0.4, 0.8, 0.6, 0.2, 0.4])
    # Differences 0.1, -0.1, 0.3, 0, 0.2: mean 0.1, deviation sqrt(0.025).
    value, low, high = figures(found.error)
    reach = 2.776 * (0.025 / 5) ** 0.5
    assert (value, low, high) == pytest.approx((0.1, 0.1 - reach, 0.1 + reach), abs=1e-3)
    assert found.absolute_error.value == pytest.approx(0.14)


@given(SERIES)
def test_every_measure_has_a_value_within_its_bounds_or_a_reason(series: list[tuple[float, float]]) -> None:
    found = agreement(*map(list, zip(*series, strict=True)))
    for measure in (found.spearman, found.pairwise, found.kappa, found.error, found.absolute_error):
        if measure.low is None or measure.high is None:
            assert measure.reason
        else:
            assert measure.value is not None
            assert measure.low - 1e-9 <= measure.value <= measure.high + 1e-9


def test_too_few_and_too_uniform_say_why() -> None:
    few = agreement([0.1] * 4, [0.2] * 4)
    assert few.spearman == Measure(reason="needs 5 runs at least, has 4")
    uniform = agreement([0.1] * 5, [0.2] * 5)
    assert [uniform.spearman.value, uniform.pairwise.value, uniform.kappa.value] == [None, None, None]
    assert uniform.spearman.reason
    assert uniform.error.value == pytest.approx(-0.1)


def rated(rating: float, score: float, rater: str = "ada") -> RatedRun:
    """A run that one person rated and the rubric scored."""
    return RatedRun({rater: rating}, {("rubric", "2"): score})


def test_a_report_compares_each_version_with_the_mean_rating() -> None:
    runs = [
        RatedRun(
            {"ada": n / 10, "bob": (n + 2) / 10}, {("rubric", "2"): n / 10, ("judge", "m"): 0.9 - n / 10}
        )
        for n in range(8)
    ]
    found = report([*runs, rated(0.5, 0.4, "eve")])
    assert (found.runs, found.ratings, found.raters) == (9, 17, 3)
    assert [(each.scorer, each.version, each.runs, each.ratings, each.raters) for each in found.scorers] == [
        ("rubric", "2", 9, 17, 3),
        ("judge", "m", 8, 16, 2),
        ("reward", None, 0, 0, 0),
    ]
    rubric, judge, reward = [each.agreement for each in found.scorers]
    assert rubric.error.value == pytest.approx(-0.1)
    assert (judge.spearman.value, judge.pairwise.value) == (-1, 0)
    assert reward.spearman.value is None
    (pair,) = found.rater_pairs
    assert (pair.raters, pair.runs) == (("ada", "bob"), 8)
    assert pair.agreement.error.value == pytest.approx(-0.2)


def test_however_many_people_rate_the_pairs_are_few() -> None:
    crowd = {f"rater-{n}": 0.5 for n in range(200)}
    assert len(report([RatedRun(crowd, {})] * 3).rater_pairs) == 20
