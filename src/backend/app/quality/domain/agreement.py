"""How far two series of scores of the same runs agree, each measure with a 95% interval.

Intervals take runs as independent of each other. Where many are of one agent, they are rather wider.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import atanh, fsum, sqrt, tanh
from statistics import NormalDist, fmean

from app.quality.domain.calibration import LEAST_COMPARED

CATEGORIES = ("lower_third", "middle_third", "upper_third")
"""What a score is taken for by kappa: up to 1/3, up to 2/3, above."""

_UNIFORM = "all runs have the same score on one side"
_Z = NormalDist().inv_cdf(0.975)  # of a 95 % interval
_NOTHING = 1e-12  # what is 0 but for rounding


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with the bounds of its 95% interval; what is missing of them has a `reason`."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a series of scores agrees with a reference; `error` is signed, above zero where it is higher."""

    spearman: Measure
    pairwise: Measure
    kappa: Measure
    error: Measure
    absolute_error: Measure


def agreement(scores: Sequence[float], reference: Sequence[float]) -> Agreement:
    """Every measure of `scores` against `reference`: of the same runs in the same order, each 0 to 1.

    Raises `ValueError` when they are not equally many.
    """
    differences = [score - truth for score, truth in zip(scores, reference, strict=True)]
    if len(differences) < LEAST_COMPARED:
        few = Measure(reason=f"needs {LEAST_COMPARED} runs at least, has {len(differences)}")
        return Agreement(few, few, few, few, few)
    return Agreement(
        spearman(scores, reference),
        pairwise_agreement(scores, reference),
        weighted_kappa(scores, reference),
        _mean(differences),
        _mean([abs(difference) for difference in differences]),
    )


def spearman(xs: Sequence[float], ys: Sequence[float]) -> Measure:
    """Spearman's rank correlation, -1 to 1: Pearson's of the ranks, equal values sharing their mean rank.

    The interval is by Fisher's z with the standard error of Bonett and Wright (2000), "Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations": sqrt((1 + r²/2) / (n - 3)).
    """
    ranks_x, ranks_y = _ranks(xs), _ranks(ys)
    middle = (len(xs) + 1) / 2
    covariance = fsum((x - middle) * (y - middle) for x, y in zip(ranks_x, ranks_y, strict=True))
    variance = fsum((x - middle) ** 2 for x in ranks_x) * fsum((y - middle) ** 2 for y in ranks_y)
    if not variance:
        return Measure(reason=_UNIFORM)
    r = max(-1.0, min(1.0, covariance / sqrt(variance)))
    # Fisher's z has no end at 1: the interval there is that of the next correlation that n ranks can have.
    n = len(xs)
    nearly = 1 - 12 / (n**3 - n)
    low, high = _fisher(max(-nearly, min(nearly, r)), n)
    return Measure(r, min(low, r), max(high, r))


def _fisher(r: float, n: int) -> tuple[float, float]:
    reach = _Z * sqrt((1 + r * r / 2) / (n - 3))
    return tanh(atanh(r) - reach), tanh(atanh(r) + reach)


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in values]


def pairwise_agreement(xs: Sequence[float], ys: Sequence[float]) -> Measure:
    """Of all pairs of runs with different `ys`, the share that `xs` puts in the same order; ties are half.

    It is (Somers' D of `xs` given `ys` + 1) / 2, and 0.5 by chance. Its variance is that of a ratio of
    two U-statistics by their first-order projections, one a run (Newson 2006, "Confidence intervals for
    rank statistics: Somers' D and extensions"). The interval is Wilson's (1927), for as many independent
    comparisons as have that variance, or n/2, what n runs make without using one twice, where it is zero.
    """
    n = len(xs)
    agreed = _pairs_in_order(xs, ys)
    by_y = sorted(ys)
    compared = [n - (bisect_right(by_y, y) - bisect_left(by_y, y)) for y in ys]
    pairs = sum(compared)
    if not pairs:
        return Measure(reason=_UNIFORM)
    share = fsum(agreed) / pairs
    spread = fsum((a - share * c) ** 2 for a, c in zip(agreed, compared, strict=True))
    variance = 4 * spread / pairs**2 * n / (n - 1)
    comparisons = share * (1 - share) / variance if variance and 0 < share < 1 else n / 2
    return Measure(share, *_wilson(share, comparisons))


def _pairs_in_order(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """For each run with how many others of another y its x is in the same order as its y; ties are half."""
    agreed = [0.0] * len(xs)
    # Upwards those below are counted, and downwards, with all signs turned, those above.
    for sign in (1, -1):
        order = sorted(range(len(xs)), key=lambda i: sign * ys[i])
        passed: list[float] = []
        for _, equals in groupby(order, key=lambda i: ys[i]):
            group = list(equals)
            for i in group:
                x = sign * xs[i]
                agreed[i] += (bisect_left(passed, x) + bisect_right(passed, x)) / 2
            for i in group:
                insort(passed, sign * xs[i])
    return agreed


def _wilson(share: float, n: float) -> tuple[float, float]:
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def weighted_kappa(xs: Sequence[float], ys: Sequence[float]) -> Measure:
    """Cohen's kappa of thirds (`CATEGORIES`) with quadratic weights: 1 in full, 0 as by chance.

    Cohen (1968), "Weighted kappa": a run that both put in one third agrees by 1, in neighbouring thirds
    by 3/4, in the outer ones not at all. The standard error is that of Fleiss, Cohen and Everitt (1969),
    "Large sample standard errors of kappa and weighted kappa".
    """
    return kappa_of_table(_crossed(xs, ys))


def _crossed(xs: Sequence[float], ys: Sequence[float]) -> list[list[int]]:
    table = [[0] * len(CATEGORIES) for _ in CATEGORIES]
    for x, y in zip(xs, ys, strict=True):
        table[_third(x)][_third(y)] += 1
    return table


def _third(score: float) -> int:
    return (score > 1 / 3) + (score > 2 / 3)


def _quadratic(i: int, j: int, size: int) -> float:
    return 1 - ((i - j) / (size - 1)) ** 2


def kappa_of_table(
    table: Sequence[Sequence[int]], weight: Callable[[int, int, int], float] = _quadratic
) -> Measure:
    """Weighted kappa of a square `table` of counts; `weight` says how far two of so many categories agree."""
    size, n = len(table), sum(map(sum, table))
    cells = [(i, j) for i in range(size) for j in range(size)]
    share = [[count / n for count in row] for row in table]
    rows, columns = [fsum(row) for row in share], [fsum(column) for column in zip(*share, strict=True)]
    w = [[weight(i, j, size) for j in range(size)] for i in range(size)]
    observed = fsum(w[i][j] * share[i][j] for i, j in cells)
    expected = fsum(w[i][j] * rows[i] * columns[j] for i, j in cells)
    if 1 - expected < _NOTHING:
        return Measure(reason="all runs are in one category")
    by_row = [fsum(w[i][j] * columns[j] for j in range(size)) for i in range(size)]
    by_column = [fsum(w[i][j] * rows[i] for i in range(size)) for j in range(size)]
    spread = fsum(
        share[i][j] * (w[i][j] * (1 - expected) - (by_row[i] + by_column[j]) * (1 - observed)) ** 2
        for i, j in cells
    )
    variance = (spread - (observed * expected - 2 * expected + observed) ** 2) / (n * (1 - expected) ** 4)
    kappa = (observed - expected) / (1 - expected)
    if variance < _NOTHING:
        return Measure(kappa, reason="the runs differ too little for an interval")
    reach = _Z * sqrt(variance)
    return Measure(kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach))


def _mean(values: Sequence[float]) -> Measure:
    """The mean with Student's interval."""
    n, mean = len(values), fmean(values)
    deviation = sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1))
    reach = student_quantile(n - 1) * deviation / sqrt(n)
    return Measure(mean, mean - reach, mean + reach)


def student_quantile(degrees: int) -> float:
    """The 0.975 quantile of Student's t, to within 0.01 from four degrees of freedom on.

    The expansion around the normal quantile of Abramowitz and Stegun (1964), 26.7.5.
    """
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
