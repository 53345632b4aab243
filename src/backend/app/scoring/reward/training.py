"""From ratings to a candidate, and whether it is to be promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.scoring.reward.calibration import (
    FEATURES_REPORTED,
    LEAST_CURVATURE,
    LEAST_RUNS,
    LEAST_SLOPE,
    LONGEST_NEWTON_STEP,
    MADE_UP_RATINGS,
    MADE_UP_SCORES,
    NEWTON_STEPS,
    PENALTY_SEED,
    RISK,
    RISK_OF_NO_PROGRESS,
    STEEPEST,
    Penalty,
)
from app.scoring.reward.descriptions import describe
from app.scoring.reward.features import RUBRIC, Features
from app.scoring.reward.fitting import Fit, Regression
from app.scoring.reward.model import Calibration, Measure, RewardModel
from app.scoring.reward.training_data import Design, Floats, Ints, Rating, Ratings
from app.scoring.reward.trust import trust_in_raters
from app.scoring.reward.validation import Gain, HeldOut, choose_penalty, compare, hold_out


@dataclass(frozen=True, slots=True)
class InForce:
    """The model in force, and whether it may have learnt from each of the runs."""

    model: RewardModel
    seen: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Training:
    """The result of a training: the model, whether it is to be promoted, and the report, which is JSON."""

    model: RewardModel
    promoted: bool
    report: Mapping[str, Any]


def train(
    features: Sequence[Features], given: Sequence[Rating], *, in_force: InForce | None, rejected: int
) -> Training | None:
    """Fit a model to ratings of the runs that have these features, and check it on ratings left out.

    1. Weigh the raters by whether they contradict each other, and follow something (`trust_in_raters`).
    2. Choose the penalty by cross-validation, and fit the model to all ratings with it.
    3. Score each run by a model that has seen no rating of it (`hold_out`); map these scores to ratings.
    4. Compare the held-out scores with the rubric's, and with those of the model in force on runs that it has
       not seen.
    5. Promote the model when it agrees with people more often than both, each with confidence.

    The risk of promoting one that is no better than the rubric is at most 2 % over all trainings since the
    last promotion, of which `rejected` failed: training n gets 2 % / (n (n + 1)), since the sum of
    1 / (n (n + 1)) is 1.

    None when less than 20 runs were rated by people who rated others too.
    """
    ratings = Ratings.of(given)
    compared = ratings.where(ratings.counts()[ratings.raters] > 1)
    if len(np.unique(compared.runs)) < LEAST_RUNS:
        return None
    design, groups = Design.of(features), _groups(features)
    trust = trust_in_raters(design, ratings)
    penalty = choose_penalty(design, ratings, trust, groups, PENALTY_SEED)
    (fit,) = Regression(design, ratings, trust).solve([penalty])
    held_out = hold_out(design, ratings, groups)
    model = _model(design, fit, _calibrated(held_out, ratings, trust))
    risk = RISK / ((rejected + 1) * (rejected + 2))
    over_rubric = compare(held_out, np.array([each.measures[RUBRIC] for each in features]))
    gains = {"rubric": (over_rubric, risk)}
    if in_force is not None:
        theirs = np.array([in_force.model.linear(each) for each in features])
        seen = np.array(in_force.seen, dtype=np.bool_)
        gains["in_force"] = (compare(held_out, theirs, seen), RISK_OF_NO_PROGRESS)
    promoted = all(gain.at_least(risk) > 0 for gain, risk in gains.values())
    return Training(model, promoted, _report(gains, penalty, ratings, trust, model))


def _groups(features: Sequence[Features]) -> Ints:
    """The same number for runs with the same features: a copy in the training data reveals the answer."""
    numbers: dict[object, int] = {}
    looks = ((tuple(each.measures.values()), frozenset(each.terms.items())) for each in features)
    return np.array([numbers.setdefault(look, len(numbers)) for look in looks], dtype=np.int64)


def _model(design: Design, fit: Fit, calibration: Calibration) -> RewardModel:
    weights = [round(float(weight), 6) for weight in fit.weights]
    measures = zip(design.measures, design.means, design.deviations, weights, strict=False)
    terms = zip(design.terms, weights[len(design.measures) :], strict=True)
    return RewardModel(
        prior=fit.prior,
        measures={name: Measure(float(mean), float(of), weight) for name, mean, of, weight in measures},
        terms={name: weight for name, weight in terms if weight},
        calibration=calibration,
    )


def _calibrated(held_out: HeldOut, ratings: Ratings, trust: Floats) -> Calibration:
    """A logistic regression of the ratings on held-out scores, by Newton's method.

    Platt (1999), "Probabilistic outputs for support vector machines", with two made-up ratings that keep the
    mapping finite. The slope is kept positive, so that the mapping never turns an order around.
    """
    scores = np.append(held_out.scores[ratings.runs], MADE_UP_SCORES)
    targets = np.append(ratings.ratings, MADE_UP_RATINGS)
    weights = np.append(trust[ratings.raters], [1.0, 1.0])
    rows = np.column_stack([np.ones(len(scores)), scores])
    found = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        means = 1 / (1 + np.exp(-np.clip(rows @ found, -STEEPEST, STEEPEST)))
        curvature = weights * np.maximum(means * (1 - means), LEAST_CURVATURE)
        step = np.linalg.solve(rows.T @ (rows * curvature[:, None]), rows.T @ (weights * (targets - means)))
        found = found + np.clip(step, -LONGEST_NEWTON_STEP, LONGEST_NEWTON_STEP)
    return Calibration(offset=float(found[0]), slope=max(LEAST_SLOPE, float(found[1])))


def _report(
    gains: Mapping[str, tuple[Gain, float]],
    penalty: Penalty,
    ratings: Ratings,
    trust: Floats,
    model: RewardModel,
) -> dict[str, Any]:
    return {
        "agreement": round(gains["rubric"][0].candidate, 4),
        "against": {
            name: {
                "pairs": gain.pairs,
                "candidate": round(gain.candidate, 4),
                "other": round(gain.other, 4),
                "gain": round(gain.gain, 4),
                "at_least": round(gain.at_least(risk), 4),
                "risk": risk,
            }
            for name, (gain, risk) in gains.items()
        },
        "penalty": {"measures": penalty.measures, "terms": penalty.terms},
        "raters": {
            name: {"ratings": int(count), "weight": round(float(weight), 3)}
            for name, count, weight in zip(ratings.names, ratings.counts(), trust, strict=True)
        },
        "features": _strongest(model),
    }


def _strongest(model: RewardModel) -> dict[str, float]:
    """What moves the score most, in words, and by how much for a unit of it."""
    weights = {name: measure.weight for name, measure in model.measures.items()} | dict(model.terms)
    names = sorted(weights, key=lambda name: (-abs(weights[name]), name))[:FEATURES_REPORTED]
    return {describe(name, above=True): round(weights[name], 4) for name in names}
