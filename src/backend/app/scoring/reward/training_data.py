"""Ratings and features as arrays: what the model is fitted to and checked against."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.scoring.reward.calibration import FARTHEST, LEAST_RUNS_OF_A_TERM, MOST_TERMS
from app.scoring.reward.features import RUBRIC, Features

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rating:
    """A person's rating (0..1) of a run, which is given by its place among the features."""

    run: int
    rater: str
    rating: float


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings as arrays of one length: the run's place, the rater's number, and the rating."""

    runs: Ints
    raters: Ints
    ratings: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, given: Sequence[Rating]) -> "Ratings":
        """Number the raters, in the order of their names."""
        names = sorted({rating.rater for rating in given})
        number = {name: n for n, name in enumerate(names)}
        return cls(
            runs=np.array([rating.run for rating in given], dtype=np.int64),
            raters=np.array([number[rating.rater] for rating in given], dtype=np.int64),
            ratings=np.array([rating.rating for rating in given], dtype=np.float64),
            names=tuple(names),
        )

    def __len__(self) -> int:
        return len(self.runs)

    def where(self, chosen: NDArray[np.bool_]) -> "Ratings":
        """Those ratings that are chosen; raters keep their numbers."""
        return Ratings(self.runs[chosen], self.raters[chosen], self.ratings[chosen], self.names)

    def counts(self) -> Ints:
        """How many ratings each rater gave."""
        return np.bincount(self.raters, minlength=len(self.names))

    def levels(self) -> Floats:
        """Each rating's place among those of its rater, as a normal deviate.

        The mean rank among n equals to the quantile (rank - 1/2) / n of a normal distribution (Hazen's
        plotting position). So raters may be strict or mild, and use the whole scale or little of it.
        """
        levels = np.zeros(len(self))
        quantile = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])
        for rater in np.unique(self.raters):
            own = np.flatnonzero(self.raters == rater)
            _, place, ties = np.unique(self.ratings[own], return_inverse=True, return_counts=True)
            rank = np.cumsum(ties) - (ties - 1) / 2
            levels[own] = quantile((rank[place] - 0.5) / len(own))
            levels[own] -= levels[own].mean()
        return levels


@dataclass(frozen=True, slots=True)
class Design:
    """The features of rated runs as a matrix, a row a run: measures in units of deviation, then terms."""

    measures: tuple[str, ...]
    means: Floats
    deviations: Floats
    terms: tuple[str, ...]
    matrix: Floats

    @classmethod
    def of(cls, features: Sequence[Features]) -> "Design":
        """Choose the features: measures that vary, and the terms of several runs, the most common first."""
        names = sorted(features[0].measures)
        values = np.array([[each.measures[name] for name in names] for each in features])
        deviations = values.std(axis=0)
        varies = deviations > 1e-9
        kept = np.array([name == RUBRIC for name in names]) | varies
        deviations = np.where(varies, deviations, 1.0)[kept]
        means = values[:, kept].mean(axis=0)
        terms = _common_terms(features)
        units = np.clip((values[:, kept] - means) / deviations, -FARTHEST, FARTHEST)
        present = np.array([[each.terms.get(term, 0.0) for term in terms] for each in features])
        return cls(
            measures=tuple(name for name, keep in zip(names, kept, strict=True) if keep),
            means=means,
            deviations=deviations,
            terms=terms,
            matrix=np.hstack([units, present.reshape(len(features), len(terms))]),
        )


def _common_terms(features: Sequence[Features]) -> tuple[str, ...]:
    """Terms of at least 3 runs that are not in all of them; in the order of their names."""
    met = Counter(term for each in features for term in each.terms)
    usable = [term for term, n in met.items() if n >= LEAST_RUNS_OF_A_TERM]
    usable.sort(key=lambda term: (-met[term], term))
    return tuple(sorted(usable[:MOST_TERMS]))
