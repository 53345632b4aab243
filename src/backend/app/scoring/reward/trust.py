"""How far each rater is trusted: a contrary one hardly, one at random little, one of another taste fully."""

import numpy as np

from app.scoring.reward.calibration import (
    CERTAIN,
    FOLD_SEED,
    LEAST_RATERS,
    LEAST_RATINGS_OF_A_RATER,
    LEAST_TRUST,
    MOST_RATERS,
    PENALTY_OF_TRUST,
    RUNS_COMPARED,
    SELF_FOLDS,
    TRUST_IN_CONTRARY,
    Penalty,
)
from app.scoring.reward.features import RUBRIC
from app.scoring.reward.fitting import Regression, linear_scores
from app.scoring.reward.training_data import Design, Floats, Ratings


def trust_in_raters(design: Design, ratings: Ratings) -> Floats:
    """How much each rater's ratings count, 0.02 to 1.

    1. Those with at least 20 ratings are checked, and a model of measures alone is fitted to each. How often
       one's model puts two runs of another in that one's order is their agreement; by chance it is 1/2.
    2. Contrary is whose mean agreement with the others and with the rubric is below 1/2 by more than the
       standard error of few ratings, 1 / sqrt(n): the most contrary one first, since who is contrary makes
       those look so whom he contradicts, and none any more where only two are left. They count a fiftieth.
    3. Of each of the rest, the agreement with a model of the others' ratings and that with a model of the own
       ratings, on runs left out, are taken; the greater one counts. So people of different taste, who follow
       something, are trusted, and one at random is not.
    4. What is above 1/2 by twice the standard error of chance counts fully, and at least the median does;
       less in proportion to its distance from 1/2, raised by the standard error, and at least a tenth.

    All count fully where there are less than three such raters.
    """
    trust = np.ones(len(ratings.names))
    counts = ratings.counts()
    busiest_first = np.argsort(-counts, kind="stable")
    enough = [int(rater) for rater in busiest_first if counts[rater] >= LEAST_RATINGS_OF_A_RATER]
    checked = enough[:MOST_RATERS]
    if len(checked) < LEAST_RATERS:
        return trust
    measures = Design(
        design.measures, design.means, design.deviations, (), design.matrix[:, : len(design.measures)]
    )
    contrary = _contrary(measures, ratings, checked)
    trust[contrary] = TRUST_IN_CONTRARY
    followed = {
        rater: max(_by_others(measures, ratings, rater, trust), _by_self(measures, ratings, rater)) - 0.5
        for rater in checked
        if rater not in contrary
    }
    median = float(np.median(list(followed.values())))
    for rater, agreement in followed.items():
        if median > 0 and agreement < CERTAIN * _error_of_chance(counts[rater]):
            trust[rater] = np.clip((agreement + _doubt(counts[rater])) / median, LEAST_TRUST, 1.0)
    return trust


def _contrary(measures: Design, ratings: Ratings, checked: list[int]) -> list[int]:
    """Who contradicts the others, the most contrary one first."""
    counts = ratings.counts()
    rubric = _rubric(measures)
    agreements = np.zeros((len(checked) + 1, len(checked)))
    for place, rater in enumerate(checked):
        scores = _scores(measures, ratings.where(ratings.raters == rater))
        agreements[place] = [_agreement(scores, ratings, other) - 0.5 for other in checked]
    agreements[-1] = [_agreement(rubric, ratings, rater) - 0.5 for rater in checked]
    left, found = list(range(len(checked))), []
    while len(left) >= LEAST_RATERS:
        # A model of few ratings follows them badly: of two raters' agreements, both ways count alike.
        means = {
            one: (
                sum(agreements[one, other] + agreements[other, one] for other in left if other != one) / 2
                + agreements[-1, one]
            )
            / len(left)
            + _doubt(counts[checked[one]])
            for one in left
        }
        worst = min(left, key=means.__getitem__)
        if means[worst] >= 0:
            break
        left.remove(worst)
        found.append(checked[worst])
    return found


def _by_others(measures: Design, ratings: Ratings, rater: int, trust: Floats) -> float:
    """How often a model of all others puts two of the rater's runs in order; each of them counts alike."""
    counts = ratings.counts()
    equal = np.where(counts > 0, counts.sum() / np.maximum(1, counts) / np.count_nonzero(counts), 0.0)
    others = ratings.where(ratings.raters != rater)
    (fit,) = Regression(measures, others, equal * trust).solve([Penalty(PENALTY_OF_TRUST, 1.0)])
    return _agreement(linear_scores(measures, fit), ratings, rater)


def _by_self(measures: Design, ratings: Ratings, rater: int) -> float:
    """How often a model of the rater's other ratings puts two of the rater's runs in order."""
    own = ratings.where(ratings.raters == rater)
    fold = np.random.default_rng(FOLD_SEED).permutation(len(own)) % SELF_FOLDS
    agreements = [
        _agreement(_scores(measures, own.where(fold != n)), own.where(fold == n), rater)
        for n in range(SELF_FOLDS)
    ]
    return float(np.mean(agreements))


def _scores(measures: Design, own: Ratings) -> Floats:
    (fit,) = Regression(measures, own, np.ones(len(own.names))).solve([Penalty(PENALTY_OF_TRUST, 1.0)])
    return linear_scores(measures, fit)


def _rubric(measures: Design) -> Floats:
    scores: Floats = measures.matrix[:, measures.measures.index(RUBRIC)]
    return scores


def _error_of_chance(ratings: int) -> float:
    """The standard error of the agreement with ratings at random: half that of Kendall's tau without ties."""
    return float(np.sqrt((4 * ratings + 10) / (9 * ratings * (ratings - 1)))) / 2


def _doubt(ratings: int) -> float:
    return 1.0 / float(np.sqrt(ratings))


def _agreement(scores: Floats, ratings: Ratings, rater: int) -> float:
    own = ratings.where(ratings.raters == rater)
    some = np.linspace(0, len(own) - 1, min(len(own), RUNS_COMPARED)).astype(np.int64)
    by_model, by_rater = scores[own.runs[some]], own.ratings[some]
    product = np.sign(by_model[:, None] - by_model) * np.sign(by_rater[:, None] - by_rater)
    compared = np.count_nonzero(by_rater[:, None] != by_rater)
    return 0.5 + float(product.sum()) / (2 * compared) if compared else 0.5
