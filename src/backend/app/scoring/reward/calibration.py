"""Every tuned value of the reward model, with its unit and where it comes from.

Unless a comment says otherwise, a value was chosen by what the model learns from simulated people:
`benchmarks/reward.py` (`--set NAME=VALUE` tries another). "Product" marks a decision about what may be
promoted and shown, "bound" a limit on what training or scoring costs.
"""

from typing import NamedTuple

# Features of a report.
MOST_TERMS_OF_A_REPORT = 400  # terms; bound
LONGEST_WORD = 24  # characters; bound
LONGEST_KEY = 40  # characters; bound
SMALLEST_NUMBER = 1e-6  # what is nearer to 0 is no feature
NUMBER_SCALE = 4.0  # a number n counts as log(1 + n) / 4, so that thousands count about 2
LARGEST_NUMBER = 2.0  # of that measure, at most
LENGTHS = (6, 12, 24, 48, 96)
"""Words beyond which a report is one step longer: each step twice the one before."""

# The model.
FARTHEST = 3.0
"""Deviations from the mean within which a measure counts: a report gains nothing by far more of it."""
STEEPEST = 30.0  # the largest exponent of the mapping to 0..1; beyond it floats add nothing
WORTHLESS = 0.15
"""The rubric's `risk` or `gaming` below which no report is lifted. Product: agents can write anything."""
REASONS = 3  # how many features explain a score; product
SMALLEST_REASON = 0.01  # points of a score that a feature must move to be named; product

# What a training takes in.
LEAST_RUNS_OF_A_TERM = 3  # rated runs that a term occurs in
MOST_TERMS = 400  # terms, the most common ones; bound

# How far each rater is trusted.
LEAST_RATINGS_OF_A_RATER = 20  # ratings below which a rater is not checked
LEAST_RATERS = 3  # raters below which all are trusted alike
MOST_RATERS = 40  # raters that are checked, the busiest ones; bound
RUNS_COMPARED = 250  # runs of a rater, whose pairs are compared; bound
LEAST_TRUST = 0.1  # the weight of a rater who follows nothing; product: no rater is silenced
TRUST_IN_CONTRARY = 0.02  # that of one who contradicts the others; product, likewise
CERTAIN = 2.0  # standard errors above chance from which a rater follows something; the usual number
SELF_FOLDS = 3  # parts of a rater's ratings, each predicted by the others
PENALTY_OF_TRUST = 100.0  # the ridge's strength, the middle of `PENALTIES`

# The regression.
LEAST_PRIOR = 0.2
"""How much of the rubric's order a model keeps at least, in deviations of a rating for one of the rubric."""


class Penalty(NamedTuple):
    """The ridge's strength on measures, and how many times as strong it is on terms."""

    measures: float
    terms: float


PENALTIES = tuple(
    Penalty(measures, terms) for measures in (10.0, 30.0, 100.0, 300.0, 1000.0) for terms in (0.05, 0.2, 1.0)
)
"""What is chosen from, by what it predicts of ratings left out: half a decade a step."""

# The mapping to ratings (Platt, 1999, with a prior of two made-up ratings).
MADE_UP_SCORES = (-1.0, 1.0)  # linear scores
MADE_UP_RATINGS = (0.25, 0.75)
LEAST_SLOPE = 0.05  # of the mapping; above 0, so that it never turns an order around
NEWTON_STEPS = 25  # many more than the few that a logistic regression of two numbers takes
LONGEST_NEWTON_STEP = 2.0  # of offset and slope each; keeps the first steps from overshooting
LEAST_CURVATURE = 1e-6  # keeps a step finite where all is certain

# Checking on runs left out.
OUTER_FOLDS = 5  # parts of the rated runs, each scored by a model of the others; the usual number
INNER_FOLDS = 4  # parts of the rest, by which each of those models chooses its penalty
LEAST_RUNS = 20  # rated runs that can be compared, below which nothing is learnt and nothing promoted
MOST_PAIRS_OF_A_RATER = 4_000  # pairs; bound
BOOTSTRAP_DRAWS = 400
"""Resamples by which the standard error is estimated: it is then right to about 4 %, 1 / sqrt(2 * 400)."""
FOLD_SEED = 20_250_601  # any number: the same ratings give the same training
PENALTY_SEED = 7  # likewise

# Promotion. Product.
RISK = 0.02
"""The probability of promoting a model that is no better than the rubric, over all trainings up to that."""
RISK_OF_NO_PROGRESS = 0.05  # that of replacing a model in force by one that is no better
FEATURES_REPORTED = 12  # features that a training's report lists
