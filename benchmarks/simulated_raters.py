"""People who rate runs by tastes of their own, each on a scale of their own, and not always the same way."""

import json
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from app.scoring.reward.training_data import Rating
from app.scoring.rubric import RunReport, Score

Taste = Callable[[RunReport, Score], float]

_CLAIMS = ("amazing", "success for", "excellent", "smoothly", "expected", "impact", "production_ready")
_OPENNESS = ("Next", "Needs", "still open", "could not", "Not verified", "Cause")


def _text(run: RunReport) -> str:
    return json.dumps(run.actions_taken)


def _brevity(run: RunReport, _: Score) -> float:
    return -math.log(20 + len(_text(run)))


def _evidence(run: RunReport, _: Score) -> float:
    actions = run.actions_taken
    shown = sum(name in actions for name in ("tests_run", "files_changed", "commit", "pr", "log"))
    return shown + (1.0 if actions.get("tests_run", 0) == actions.get("tests_passed", 1) else 0.0)


def _no_failures(run: RunReport, _: Score) -> float:
    return {"success": 1.0, "partial": 0.2}.get(run.status, -1.0) - 0.5 * ("error" in run.actions_taken)


def _topics(run: RunReport, _: Score) -> float:
    text = _text(run)
    return ("security" in text) * 1.5 + ("billing" in text) - ("research" in text) - 0.7 * ("support" in text)


def _numbers(run: RunReport, _: Score) -> float:
    return math.log(1 + len(re.findall(r"\d+", _text(run))))


def _candour(run: RunReport, _: Score) -> float:
    text = _text(run)
    return sum(word in text for word in _OPENNESS) - sum(word in text.lower() for word in _CLAIMS)


def _other_weights(_: RunReport, scored: Score) -> float:
    """The rubric's dimensions, the last of them in the alphabet most and the first ones least."""
    return sum(value * 2.0**place for place, (_, value) in enumerate(sorted(scored.dimensions.items())))


def _order(run: RunReport, _: Score) -> float:
    """Few fields, flat, with a short summary that is there: whatever it says."""
    actions = run.actions_taken
    nested = sum(isinstance(value, dict | list) for value in actions.values())
    return ("summary" in actions) * 2.0 - 0.4 * len(actions) - 0.6 * nested


TASTES: Mapping[str, Taste] = {
    "brevity": _brevity,
    "evidence": _evidence,
    "no failures": _no_failures,
    "topics": _topics,
    "numbers": _numbers,
    "candour": _candour,
    "other weights": _other_weights,
    "order": _order,
}
MIXED: Mapping[str, Mapping[str, float]] = {
    "brief evidence": {"brevity": 0.6, "evidence": 1.0},
    "candid numbers": {"candour": 1.0, "numbers": 0.6, "no failures": -0.3},
    "safe topics": {"topics": 1.0, "no failures": 0.8, "brevity": 0.4},
}


@dataclass(frozen=True, slots=True)
class Rater:
    """Somebody's scale: what a run of middling worth gets, how far ratings spread, and how they vary."""

    name: str
    middle: float
    spread: float
    noise: float
    step: float

    def rate(self, worth: float, chance: random.Random) -> float:
        """A rating of a run that is worth so many deviations more than others."""
        rating = self.middle + self.spread * (worth + chance.gauss(0, self.noise))
        return round(min(1.0, max(0.0, round(rating / self.step) * self.step)), 4)


def make_raters(count: int, seed: int) -> list[Rater]:
    """`count` people: mild and strict ones, with fine scales and coarse ones."""
    chance = random.Random(seed)
    return [
        Rater(
            name=f"rater-{n}",
            middle=chance.uniform(0.35, 0.75),
            spread=chance.uniform(0.1, 0.35),
            noise=chance.uniform(0.3, 0.7),
            step=chance.choice((0.01, 0.05, 0.1, 0.25)),
        )
        for n in range(count)
    ]


def worth(taste: str, runs: Sequence[RunReport], scored: Sequence[Score]) -> list[float]:
    """What each run is worth to that taste, in deviations from the mean."""
    shares = MIXED.get(taste, {taste: 1.0})
    parts = [_standard([TASTES[name](*each) for each in zip(runs, scored, strict=True)]) for name in shares]
    mixed = [
        math.fsum(s * p for s, p in zip(shares.values(), of, strict=True)) for of in zip(*parts, strict=True)
    ]
    return _standard(mixed)


def ratings_of(worths: Sequence[float], raters: Sequence[Rater], count: int, seed: int) -> list[Rating]:
    """The first `count` ratings: runs in turn, most of them by one of the raters."""
    chance = random.Random(seed)
    return [
        Rating(run, rater.name, rater.rate(worths[run], chance))
        for run in range(count)
        for rater in (chance.choice(raters),)
    ]


def ratings_of_many(
    tastes: Sequence[Sequence[float]], against: Sequence[float] | None, count: int, seed: int
) -> list[list[Rating]]:
    """For each of `count` runs its ratings: by a rater of one of those tastes, and in turn by an adversary.

    The adversary rates one run in as many as there are tastes, so as often as each of the others, and by the
    contrary of the worths `against` it; there is none where that is None.
    """
    *raters, adversary = make_raters(len(tastes) + 1, seed)
    chance = random.Random(seed)
    given = []
    for run in range(count):
        rater, worths = chance.choice(list(zip(raters, tastes, strict=True)))
        given.append([Rating(run, rater.name, rater.rate(worths[run], chance))])
    if against is not None:
        for run in range(0, count, len(tastes)):
            given[run].append(Rating(run, adversary.name, adversary.rate(-against[run], chance)))
    return given


def mean_worth(tastes: Sequence[Sequence[float]]) -> list[float]:
    """What each run is worth to people of those tastes together."""
    return _standard([fmean(of) for of in zip(*tastes, strict=True)])


def agreement(worths: Sequence[float], scores: Sequence[float]) -> float:
    """In what share of pairs of differing worth the scores have the same order; ties count one half."""
    agreed = compared = 0.0
    for n, (mine, given) in enumerate(zip(worths, scores, strict=True)):
        for other, theirs in zip(worths[:n], scores[:n], strict=True):
            if abs(mine - other) > 1e-9:
                compared += 1
                product = (mine - other) * (given - theirs)
                agreed += 1.0 if product > 0 else 0.5 if product == 0 else 0.0
    return agreed / compared


def _standard(values: Sequence[float]) -> list[float]:
    mean, deviation = fmean(values), pstdev(values) or 1.0
    return [(value - mean) / deviation for value in values]
