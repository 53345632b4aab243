"""How every scorer agrees with people, and people with each other, over the runs that people rated."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from app.quality.domain.agreement import Agreement, agreement
from app.quality.domain.calibration import MOST_RATER_PAIRS, MOST_RATERS

SCORERS = ("rubric", "reward", "judge")


@dataclass(frozen=True, slots=True)
class RatedRun:
    """A run's ratings by rater, and its scores by scorer and version; all 0 to 1."""

    ratings: Mapping[str, float]
    scores: Mapping[tuple[str, str], float]

    @property
    def rating(self) -> float:
        """The mean of the ratings."""
        return fmean(self.ratings.values())


@dataclass(frozen=True, slots=True)
class ScorerAgreement:
    """A version of a scorer against people's mean ratings; `version` is None where it scored no such run."""

    scorer: str
    version: str | None
    runs: int
    ratings: int
    raters: int
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Two people on the runs that both rated: the first against the second."""

    raters: tuple[str, str]
    runs: int
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """Agreement over so many rated runs."""

    runs: int
    ratings: int
    raters: int
    scorers: Sequence[ScorerAgreement]
    rater_pairs: Sequence[RaterAgreement]


def report(runs: Sequence[RatedRun]) -> AgreementReport:
    """Measure every scorer, and the 20 pairs of raters with the most runs in common.

    1. For each version of each scorer, compare its scores with people's mean ratings of the same runs.
    2. A scorer without a score of a rated run is listed without a version.
    3. Of the 20 people with the most ratings, compare each pair on the runs that both rated.
    """
    versions = sorted({key for run in runs for key in run.scores}, key=_in_order)
    scorers = [_of_scorer(*key, [run for run in runs if key in run.scores]) for key in versions]
    known = {scorer for scorer, _ in versions}
    scorers += [_of_scorer(scorer, None, []) for scorer in SCORERS if scorer not in known]
    return AgreementReport(len(runs), _ratings(runs), len(_raters(runs)), scorers, _between_raters(runs))


def _in_order(key: tuple[str, str]) -> tuple[bool, int, str, str]:
    scorer, version = key
    known = scorer in SCORERS
    return (not known, SCORERS.index(scorer) if known else 0, scorer, version)


def _of_scorer(scorer: str, version: str | None, runs: Sequence[RatedRun]) -> ScorerAgreement:
    scores = [run.scores[scorer, version] for run in runs] if version is not None else []
    agreed = agreement(scores, [run.rating for run in runs])
    return ScorerAgreement(scorer, version, len(runs), _ratings(runs), len(_raters(runs)), agreed)


def _ratings(runs: Sequence[RatedRun]) -> int:
    return sum(len(run.ratings) for run in runs)


def _raters(runs: Sequence[RatedRun]) -> Counter[str]:
    """How many of `runs` each person rated."""
    return Counter(rater for run in runs for rater in run.ratings)


def _between_raters(runs: Sequence[RatedRun]) -> list[RaterAgreement]:
    busiest = sorted(_raters(runs).items(), key=lambda item: (-item[1], item[0]))[:MOST_RATERS]
    found = []
    for pair in combinations(sorted(rater for rater, _ in busiest), 2):
        shared = [
            (run.ratings[pair[0]], run.ratings[pair[1]])
            for run in runs
            if pair[0] in run.ratings and pair[1] in run.ratings
        ]
        if shared:
            found.append((pair, shared))
    found.sort(key=lambda each: (-len(each[1]), each[0]))
    return [
        RaterAgreement(pair, len(shared), agreement(*map(list, zip(*shared, strict=True))))
        for pair, shared in found[:MOST_RATER_PAIRS]
    ]
