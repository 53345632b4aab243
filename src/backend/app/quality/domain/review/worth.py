"""What a person's rating of a run would tell: each signal has a weight and says itself in words.

Scorers that disagree are query by committee, and a score next to the boundary is uncertainty sampling;
a score at the agent's mean is taken for its typical run (Settles 2009, "Active Learning Literature
Survey", sections 3.1, 3.2 and 3.6).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from app.quality.domain.review.candidate import Candidate

BOUNDARY = 0.5
NEW_AGENT = 20
"""An agent is new for its first runs, so many."""

_FEW_RATINGS = 5
_DISAGREEMENT = 0.15
_NEAR_BOUNDARY = 0.1
_NEAR_MEAN = 0.03
_TYPICAL_OF = 5


class Signal(NamedTuple):
    """A reason to look, and what it counts, from 0 to 1."""

    worth: float
    reason: str


@dataclass(frozen=True, slots=True)
class Recent:
    """What is known of an agent by its recent runs: `mean` score, where there are some, and ratings."""

    runs: int
    ratings: int
    mean: float | None

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> "Recent":
        """Of the recent runs of one agent."""
        scores = [each.overall for each in candidates if each.overall is not None]
        mean = fmean(scores) if len(scores) >= _TYPICAL_OF else None
        return cls(len(candidates), sum(each.ratings for each in candidates), mean)


def signals(run: Candidate, agent: Recent) -> list[Signal]:
    """Every reason to look at `run`, the weightiest first."""
    found = [signal for each in _SIGNALS for signal in each(run, agent)]
    return sorted(found, key=lambda signal: -signal.worth)


def _scorers_disagree(run: Candidate, _: Recent) -> Iterator[Signal]:
    if len(run.scores) < 2:
        return
    ordered = sorted(run.scores.items(), key=lambda item: (item[1], item[0]))
    (low, lowest), (high, highest) = ordered[0], ordered[-1]
    if highest - lowest >= _DISAGREEMENT:
        worth = min(1.0, 2 * (highest - lowest))
        yield Signal(worth, f"scorers disagree: {high} says {highest:.2f}, {low} says {lowest:.2f}")


def _people_disagree(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.ratings < 2 or run.lowest is None or run.highest is None:
        return
    if run.highest - run.lowest >= 2 * _DISAGREEMENT:
        yield Signal(0.8, f"people disagree: they rated it {run.lowest:.2f} to {run.highest:.2f}")


def _no_score(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.failed and run.overall is None:
        yield Signal(0.6, "no scorer could score it")


def _near_the_boundary(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.overall is None or run.ratings:
        return
    distance = abs(run.overall - BOUNDARY)
    if distance <= _NEAR_BOUNDARY:
        worth = 0.7 * (1 - distance / _NEAR_BOUNDARY / 2)
        yield Signal(worth, f"its score of {run.overall:.2f} says neither good nor bad")


def _near_the_mean(run: Candidate, agent: Recent) -> Iterator[Signal]:
    if run.overall is None or agent.mean is None or run.ratings:
        return
    if abs(run.overall - agent.mean) <= _NEAR_MEAN:
        yield Signal(0.2, f"it is typical of the agent, whose runs score {agent.mean:.2f} in the mean")


def _little_known_agent(run: Candidate, agent: Recent) -> Iterator[Signal]:
    if run.agent_runs <= NEW_AGENT and agent.ratings < _FEW_RATINGS:
        ratings = _counted(agent.ratings, "rating")
        worth = 0.5 * (1 - agent.ratings / _FEW_RATINGS)
        yield Signal(worth, f"the agent is new: {_counted(run.agent_runs, 'run')} and {ratings} so far")
    elif not agent.ratings:
        yield Signal(0.4, f"nobody rated any of the agent's latest {_counted(agent.runs, 'run')}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_SIGNALS: tuple[Callable[[Candidate, Recent], Iterator[Signal]], ...] = (
    _scorers_disagree,
    _people_disagree,
    _no_score,
    _near_the_boundary,
    _near_the_mean,
    _little_known_agent,
)
