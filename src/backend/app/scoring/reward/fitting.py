"""Fitting the model to people's ratings: a ridge regression towards the rubric.

Least squares over all pairs of runs compared within a rater, sum of ((y_i - y_j) - (x_i - x_j) b)^2, is
least squares on what is left when each rater's means are taken off, with each pair counted once per
rating; so no pair is ever enumerated. `y` is the rating's normal deviate (`Ratings.levels`). The penalty is
on how far `b` is from the prior: the rubric's score alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.scoring.reward.calibration import (
    LEAST_PRIOR,
    LEAST_RATERS,
    LEAST_RATINGS_OF_A_RATER,
    LEAST_TRUST,
    MOST_RATERS,
    PENALTY_OF_TRUST,
    RUNS_COMPARED,
    Penalty,
)
from app.scoring.reward.features import RUBRIC
from app.scoring.reward.training_data import Design, Floats, Ints, Ratings


@dataclass(frozen=True, slots=True)
class Fit:
    """`prior` times the rubric's measure plus `weights` times a row of the design is the linear score."""

    prior: float
    weights: Floats


class Regression:
    """The normal equations of some ratings, to be solved for any penalty."""

    def __init__(self, design: Design, ratings: Ratings, trust: Floats) -> None:
        self._measures = len(design.measures)
        self._rubric = design.measures.index(RUBRIC)
        weights = trust[ratings.raters]
        rows = _within(design.matrix[ratings.runs], ratings.raters)
        levels = ratings.levels()
        rubric = rows[:, self._rubric]
        spread = float(weights @ rubric**2)
        # A model that has learnt nothing else follows the rubric.
        slope = float(weights @ (rubric * levels)) / spread if spread else 0.0
        self.prior = max(LEAST_PRIOR, slope)
        weighted = rows * weights[:, None]
        self._gram = rows.T @ weighted
        self._right = weighted.T @ (levels - self.prior * rubric)

    def solve(self, penalties: Sequence[Penalty]) -> list[Fit]:
        """The fit for each penalty."""
        size = len(self._right)
        fits = []
        for penalty in penalties:
            diagonal = np.full(size, penalty.measures)
            diagonal[self._measures :] *= penalty.terms
            weights = np.linalg.solve(self._gram + np.diag(diagonal), self._right)
            fits.append(Fit(self.prior, np.asarray(weights, dtype=np.float64)))
        return fits


def linear_scores(design: Design, fit: Fit) -> Floats:
    """Every run's score by the fit."""
    rubric = design.matrix[:, design.measures.index(RUBRIC)]
    scores: Floats = fit.prior * rubric + design.matrix @ fit.weights
    return scores


def trust_in_raters(design: Design, ratings: Ratings) -> Floats:
    """How much each rater's ratings count, 0.1 to 1.

    1. Those with at least 20 ratings are checked, each against a model of all others' ratings, in which each
       of the others has the same weight.
    2. A rater's agreement is how often that model puts two of their runs in their order; by chance it is 1/2.
    3. At least the median agreement counts fully. Less counts in proportion to its distance from 1/2, raised
       by the standard error of few ratings, 1 / sqrt(n), and at least a tenth.

    All count fully where there are less than three such raters, or where the median is no better than chance.
    """
    trust = np.ones(len(ratings.names))
    counts = ratings.counts()
    busiest_first = np.argsort(-counts, kind="stable")
    checked = [rater for rater in busiest_first if counts[rater] >= LEAST_RATINGS_OF_A_RATER][:MOST_RATERS]
    if len(checked) < LEAST_RATERS:
        return trust
    equal = np.where(counts > 0, counts.sum() / np.maximum(1, counts) / np.count_nonzero(counts), 0.0)
    measures = Design(
        design.measures, design.means, design.deviations, (), design.matrix[:, : len(design.measures)]
    )
    agreements = {}
    for rater in checked:
        others = ratings.where(ratings.raters != rater)
        (fit,) = Regression(measures, others, equal).solve([Penalty(PENALTY_OF_TRUST, 1.0)])
        agreements[rater] = _agreement(linear_scores(measures, fit), ratings, rater)
    median = float(np.median(list(agreements.values()))) - 0.5
    if median <= 0:
        return trust
    for rater, agreement in agreements.items():
        doubt = 1.0 / np.sqrt(counts[rater])
        trust[rater] = np.clip((agreement - 0.5 + doubt) / median, LEAST_TRUST, 1.0)
    return trust


def _agreement(scores: Floats, ratings: Ratings, rater: int) -> float:
    own = ratings.where(ratings.raters == rater)
    some = np.linspace(0, len(own) - 1, min(len(own), RUNS_COMPARED)).astype(np.int64)
    by_model, by_rater = scores[own.runs[some]], own.ratings[some]
    product = np.sign(by_model[:, None] - by_model) * np.sign(by_rater[:, None] - by_rater)
    compared = np.count_nonzero(by_rater[:, None] != by_rater)
    return 0.5 + float(product.sum()) / (2 * compared) if compared else 0.5


def _within(rows: Floats, raters: Ints) -> Floats:
    """What is left of the rows without each rater's means."""
    size = int(raters.max()) + 1 if len(raters) else 0
    sums = np.zeros((size, rows.shape[1]))
    np.add.at(sums, raters, rows)
    means = sums / np.maximum(1, np.bincount(raters, minlength=size))[:, None]
    left: Floats = rows - means[raters]
    return left
