"""How often the order of two runs is predicted for ratings left out, and how certain that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.scoring.reward.calibration import (
    BOOTSTRAP_DRAWS,
    FOLD_SEED,
    INNER_FOLDS,
    LEAST_RUNS,
    MOST_PAIRS_OF_A_RATER,
    OUTER_FOLDS,
    PENALTIES,
    Penalty,
)
from app.scoring.reward.fitting import Regression, linear_scores
from app.scoring.reward.training_data import Design, Floats, Ints, Ratings
from app.scoring.reward.trust import trust_in_raters


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of runs that a rater rated differently: `better` above `worse`; and what each counts."""

    better: Ints
    worse: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores of every run by a model that saw no rating of it, and the pairs that may be compared."""

    scores: Floats
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Gain:
    """How much more often one scorer agrees with people than another, and the standard error of that.

    `runs` is how many of them the `pairs` compare.
    """

    runs: int
    pairs: int
    candidate: float
    other: float
    error: float

    @property
    def gain(self) -> float:
        """The difference in agreement."""
        return self.candidate - self.other

    def at_least(self, risk: float) -> float:
        """A lower bound of the gain that is wrong with probability `risk`, by the normal approximation.

        Of less than 20 runs nothing can be said.
        """
        if self.runs < LEAST_RUNS:
            return -1.0
        return max(-1.0, self.gain + NormalDist().inv_cdf(risk) * self.error)


def folds(groups: Ints, count: int, seed: int) -> Ints:
    """A fold for every run; runs of a group, which look the same, in one, and groups spread evenly."""
    names, place = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fold: Ints = (order % count)[place]
    return fold


def choose_penalty(design: Design, ratings: Ratings, trust: Floats, groups: Ints, seed: int) -> Penalty:
    """The penalty that leaves the least squared error on ratings left out, by the folds of `groups`."""
    fold = folds(groups, INNER_FOLDS, seed)
    errors = np.zeros(len(PENALTIES))
    for n in range(INNER_FOLDS):
        left_out = fold[ratings.runs] == n
        train, test = ratings.where(~left_out), ratings.where(left_out)
        if not len(train) or not len(test):
            continue
        levels, weights = test.levels(), trust[test.raters]
        for place, fit in enumerate(Regression(design, train, trust).solve(PENALTIES)):
            scores = linear_scores(design, fit)[test.runs]
            errors[place] += weights @ (levels - _centred(scores, test.raters)) ** 2
    return PENALTIES[int(np.argmin(errors))]


def hold_out(design: Design, ratings: Ratings, groups: Ints) -> HeldOut:
    """Predict every fold by a model of the others, its penalty and its trust in raters chosen without it."""
    fold = folds(groups, OUTER_FOLDS, FOLD_SEED)
    scores = np.zeros(len(design.matrix))
    parts: list[Pairs] = []
    for n in range(OUTER_FOLDS):
        left_out = fold[ratings.runs] == n
        train, test = ratings.where(~left_out), ratings.where(left_out)
        if not len(train) or not len(test):
            continue
        trust = trust_in_raters(design, train)
        penalty = choose_penalty(design, train, trust, groups, FOLD_SEED + n + 1)
        (fit,) = Regression(design, train, trust).solve([penalty])
        scores[fold == n] = linear_scores(design, fit)[fold == n]
        parts.extend(_pairs(test, trust))
    return HeldOut(scores, _joined(parts))


def compare(held_out: HeldOut, other: Floats, seen: NDArray[np.bool_] | None = None) -> Gain:
    """How much better the held-out scores agree with people than `other`, on runs that are not `seen`.

    Both are compared on the same pairs; the error is by the bootstrap over runs, 400 draws, as pairs that
    share a run are no independent evidence.
    """
    pairs = held_out.pairs
    if seen is not None:
        unseen = ~(seen[pairs.better] | seen[pairs.worse])
        pairs = Pairs(pairs.better[unseen], pairs.worse[unseen], pairs.weights[unseen])
    compared = np.unique(np.concatenate([pairs.better, pairs.worse]))
    if not len(compared):
        return Gain(0, 0, 0.5, 0.5, 0.0)
    ours, theirs = _credit(held_out.scores, pairs), _credit(other, pairs)
    total = pairs.weights.sum()
    return Gain(
        runs=len(compared),
        pairs=len(pairs.better),
        candidate=float(pairs.weights @ ours / total),
        other=float(pairs.weights @ theirs / total),
        error=_error(pairs, ours - theirs, compared, len(other)),
    )


def _error(pairs: Pairs, differences: Floats, compared: Ints, runs: int) -> float:
    chance = np.random.default_rng(FOLD_SEED)
    means = []
    for _ in range(BOOTSTRAP_DRAWS):
        times = np.zeros(runs)
        times[compared] = chance.multinomial(len(compared), np.full(len(compared), 1 / len(compared)))
        weights = pairs.weights * times[pairs.better] * times[pairs.worse]
        total = weights.sum()
        if total > 0:
            means.append(float(weights @ differences / total))
    return float(np.std(means, ddof=1)) if len(means) > 1 else 1.0


def _credit(scores: Floats, pairs: Pairs) -> Floats:
    """1 where the pair is in the right order, 1/2 where the scores are equal."""
    credit: Floats = 0.5 + 0.5 * np.sign(np.round(scores[pairs.better] - scores[pairs.worse], 9))
    return credit


def _pairs(ratings: Ratings, trust: Floats) -> Iterator[Pairs]:
    """Each rater's pairs, which together weigh as much as the rater's ratings and the trust in them."""
    chance = np.random.default_rng(FOLD_SEED)
    for rater in np.unique(ratings.raters):
        own = ratings.where(ratings.raters == rater)
        if len(own) * (len(own) - 1) // 2 > MOST_PAIRS_OF_A_RATER:
            first, second = chance.integers(0, len(own), (2, MOST_PAIRS_OF_A_RATER))
        else:
            first, second = np.triu_indices(len(own), 1)
        sign = np.sign(own.ratings[first] - own.ratings[second])
        differs = (sign != 0) & (own.runs[first] != own.runs[second])
        upper = np.where(sign > 0, first, second)[differs]
        lower = np.where(sign > 0, second, first)[differs]
        if len(upper):
            each = trust[rater] * len(own) / len(upper)
            yield Pairs(own.runs[upper], own.runs[lower], np.full(len(upper), each))


def _joined(parts: list[Pairs]) -> Pairs:
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Pairs(
        np.concatenate([part.better for part in parts]),
        np.concatenate([part.worse for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def _centred(scores: Floats, raters: Ints) -> Floats:
    size = int(raters.max()) + 1
    counts = np.maximum(1, np.bincount(raters, minlength=size))
    left: Floats = scores - (np.bincount(raters, scores, size) / counts)[raters]
    return left
