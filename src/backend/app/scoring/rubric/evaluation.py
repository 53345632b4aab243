"""How often a scorer prefers the report that people prefer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from app.scoring.rubric.model import RunReport
from app.scoring.rubric.scorer import score

Scorer = Callable[[RunReport, Sequence[RunReport]], float]
"""A run and the agent's earlier runs, oldest first, to a number: more is better."""


@dataclass(frozen=True)
class Pair:
    """Two reports of one agent, one of them better; `history`, oldest first, lies before both."""

    id: str
    category: str
    better: RunReport
    worse: RunReport
    history: tuple[RunReport, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A pair and what a scorer gave to its sides."""

    pair: Pair
    better: float
    worse: float

    @property
    def credit(self) -> float:
        """1 when the better side scores higher, a half for a tie, else 0."""
        return (self.better > self.worse) + 0.5 * (self.better == self.worse)


@dataclass(frozen=True)
class Evaluation:
    """Every pair as one scorer scored it."""

    scored: tuple[ScoredPair, ...]

    @property
    def accuracy(self) -> float:
        """The mean credit, 0..1; half of it is what tossing a coin earns. 0 when there are no pairs."""
        return _mean([each.credit for each in self.scored])

    @property
    def by_category(self) -> Mapping[str, float]:
        """The accuracy within each category, in the order in which they first occur."""
        earned: dict[str, list[float]] = {}
        for each in self.scored:
            earned.setdefault(each.pair.category, []).append(each.credit)
        return {category: _mean(shares) for category, shares in earned.items()}

    @property
    def wrong(self) -> tuple[ScoredPair, ...]:
        """The pairs whose better side does not score higher."""
        return tuple(each for each in self.scored if each.credit < 1)


def evaluate(pairs: Iterable[Pair], scorer: Scorer) -> Evaluation:
    """Both sides of every pair, scored with the same history."""
    return Evaluation(
        tuple(
            ScoredPair(pair, scorer(pair.better, pair.history), scorer(pair.worse, pair.history))
            for pair in pairs
        )
    )


def by_rubric(run: RunReport, history: Sequence[RunReport]) -> float:
    """What the rubric gives to the whole report."""
    return score(run, history).auto


def by_length(run: RunReport, history: Sequence[RunReport]) -> float:
    """The longer, the better: what a scorer earns that only measures length."""
    return float(len(msgspec.json.encode(run.actions_taken)))


def by_status(run: RunReport, history: Sequence[RunReport]) -> float:
    """Success over partial over failed: what a scorer earns that believes the status."""
    return {"success": 1.0, "partial": 0.5}.get(run.status, 0.0)


SCORERS: Mapping[str, Scorer] = {"rubric": by_rubric, "length": by_length, "status": by_status}
"""The rubric, and two baselines that know nothing about quality."""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
