"""The reward model: a linear score of a report's features, mapped to 0..1, and why it differs."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from heapq import nsmallest
from typing import Any

from app.scoring.reward.calibration import (
    FARTHEST,
    REASONS,
    SMALLEST_REASON,
    STEEPEST,
    WORTHLESS,
)
from app.scoring.reward.descriptions import describe
from app.scoring.reward.features import DIMENSION, RUBRIC, Features, extract_features
from app.scoring.rubric import RunReport, Score

_OF_THE_WHOLE = ("risk", "gaming")


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure is read and what it counts.

    It is taken relative to `mean`, in units of `deviation`, within ±3: no report gains by far more of
    something than the rated ones had. `weight` is what a unit adds to the linear score.
    """

    mean: float
    deviation: float
    weight: float

    def units(self, value: float) -> float:
        """`value` as the model reads it."""
        return max(-FARTHEST, min(FARTHEST, (value - self.mean) / self.deviation))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The mapping to ratings: 1 / (1 + exp(-(offset + slope * x))), with a positive slope."""

    offset: float
    slope: float

    def __call__(self, x: float) -> float:
        """The rating that a linear score stands for."""
        exponent = self.offset + self.slope * x
        return 1 / (1 + math.exp(-max(-STEEPEST, min(STEEPEST, exponent))))


@dataclass(frozen=True, slots=True)
class RewardModel:
    """A linear score: `prior` times the rubric's measure, and what every measure and term adds to that.

    Without weights it orders reports as the rubric does.
    """

    prior: float
    measures: Mapping[str, Measure]
    terms: Mapping[str, float]
    calibration: Calibration

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "RewardModel":
        """The model that has these `parameters()`."""
        return cls(
            prior=float(parameters["prior"]),
            measures={name: Measure(*map(float, values)) for name, values in parameters["measures"].items()},
            terms={name: float(weight) for name, weight in parameters["terms"].items()},
            calibration=Calibration(**{name: float(of) for name, of in parameters["calibration"].items()}),
        )

    def parameters(self) -> dict[str, Any]:
        """The model as JSON."""
        return {
            "prior": self.prior,
            "measures": {name: [of.mean, of.deviation, of.weight] for name, of in self.measures.items()},
            "terms": dict(self.terms),
            "calibration": asdict(self.calibration),
        }

    def linear(self, features: Features) -> float:
        """The score before calibration: any real number, the higher the better."""
        return self._rubric(features) + math.fsum(self._additions(features).values())

    def score(self, run: RunReport, scored: Score) -> Score:
        """What people would rate a report that the rubric has scored, with the rubric's dimensions.

        A silent report, or one with hardly any of the rubric's `risk` or `gaming` left, is never lifted above
        the rubric's score: few such reports are rated, and agents can write anything.
        """
        features = extract_features(run, scored)
        additions = self._additions(features)
        auto = self.calibration(self._rubric(features) + math.fsum(additions.values()))
        steepness = self.calibration.slope * auto * (1 - auto)
        if _is_worthless(features):
            auto = min(auto, scored.auto)
        moved = {name: added * steepness for name, added in additions.items()}
        return Score(
            auto=round(auto, 4),
            dimensions=scored.dimensions,
            reasons=(*_most_moving(moved, self.measures, features), *scored.reasons),
        )

    def _rubric(self, features: Features) -> float:
        return self.prior * self.measures[RUBRIC].units(features.measures[RUBRIC])

    def _additions(self, features: Features) -> dict[str, float]:
        """What each feature adds to the rubric's part; a measure that this version does not take, nothing."""
        taken, terms = features.measures, features.terms
        added = {
            name: measure.weight * measure.units(taken[name])
            for name, measure in self.measures.items()
            if name in taken
        }
        for name in terms.keys() & self.terms.keys():
            added[name] = self.terms[name] * terms[name]
        return added


def _is_worthless(features: Features) -> bool:
    lowest = min(features.measures.get(DIMENSION + name, 1.0) for name in _OF_THE_WHOLE)
    return bool(features.measures["silent"]) or lowest < WORTHLESS


def _most_moving(
    moved: Mapping[str, float], measures: Mapping[str, Measure], features: Features
) -> Iterator[str]:
    """The features that moved the score most, in words."""
    notable = [(-abs(added), name) for name, added in moved.items() if abs(added) >= SMALLEST_REASON]
    for _, name in nsmallest(REASONS, notable):
        above = name not in measures or features.measures[name] > measures[name].mean
        yield f"people's ratings: {moved[name]:+.2f} for {describe(name, above=above)}"
