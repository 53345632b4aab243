"""Fitting the model to people's ratings: a ridge regression towards the rubric.

Least squares over all pairs of runs compared within a rater, sum of ((y_i - y_j) - (x_i - x_j) b)^2, is
least squares on what is left when each rater's means are taken off, with each pair counted once per
rating; so no pair is ever enumerated. `y` is the rating's normal deviate (`Ratings.levels`). The penalty is
on how far `b` is from the prior: the rubric's score alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.scoring.reward.calibration import LEAST_PRIOR, Penalty
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


def _within(rows: Floats, raters: Ints) -> Floats:
    """What is left of the rows without each rater's means."""
    size = int(raters.max()) + 1 if len(raters) else 0
    sums = np.zeros((size, rows.shape[1]))
    np.add.at(sums, raters, rows)
    means = sums / np.maximum(1, np.bincount(raters, minlength=size))[:, None]
    left: Floats = rows - means[raters]
    return left
