"""Signals of how much a person's rating of a run would teach: each has a weight and a reason in words.

Scorers that disagree are query by committee, and a score next to the boundary is uncertainty sampling;
a score at the agent's mean is taken for its typical run (Settles 2009, "Active Learning Literature
Survey", sections 3.1, 3.2 and 3.6).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from app.kit.text import counted
from app.quality.domain.calibration import (
    BOUNDARY,
    DISAGREEMENT,
    FEW_RATINGS,
    NEAR_BOUNDARY,
    NEAR_MEAN,
    NEW_AGENT,
    RUNS_OF_A_MEAN,
    WORTH_AT_BOUNDARY,
    WORTH_OF_DISAGREEMENT,
    WORTH_OF_NEW_AGENT,
    WORTH_OF_NO_SCORE,
    WORTH_OF_PEOPLE_DISAGREEING,
    WORTH_OF_TYPICAL,
    WORTH_OF_UNRATED_AGENT,
)
from app.quality.domain.review.candidate import Candidate

_NO_SCORE = "no scorer could score it"


class Signal(NamedTuple):
    """A reason to look at a run, and its weight, from 0 to 1. `blind` reveals nothing of its score."""

    worth: float
    reason: str
    blind: str


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
        mean = fmean(scores) if len(scores) >= RUNS_OF_A_MEAN else None
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
    if highest - lowest >= DISAGREEMENT:
        worth = min(1.0, WORTH_OF_DISAGREEMENT * (highest - lowest))
        reason = f"scorers disagree: {high} says {highest:.2f}, {low} says {lowest:.2f}"
        yield Signal(worth, reason, "scorers disagree about it")


def _people_disagree(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.ratings < 2 or run.lowest is None or run.highest is None:
        return
    if run.highest - run.lowest >= 2 * DISAGREEMENT:
        yield Signal(
            WORTH_OF_PEOPLE_DISAGREEING,
            f"people disagree: they rated it {run.lowest:.2f} to {run.highest:.2f}",
            "people disagree about it",
        )


def _no_score(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.failed and run.overall is None:
        yield Signal(WORTH_OF_NO_SCORE, _NO_SCORE, _NO_SCORE)


def _near_the_boundary(run: Candidate, _: Recent) -> Iterator[Signal]:
    if run.overall is None or run.ratings:
        return
    distance = abs(run.overall - BOUNDARY)
    if distance <= NEAR_BOUNDARY:
        worth = WORTH_AT_BOUNDARY * (1 - distance / NEAR_BOUNDARY / 2)
        reason = f"its score of {run.overall:.2f} says neither good nor bad"
        yield Signal(worth, reason, "its score is uncertain")


def _near_the_mean(run: Candidate, agent: Recent) -> Iterator[Signal]:
    if run.overall is None or agent.mean is None or run.ratings:
        return
    if abs(run.overall - agent.mean) <= NEAR_MEAN:
        reason = f"it is typical of the agent, whose runs score {agent.mean:.2f} in the mean"
        yield Signal(WORTH_OF_TYPICAL, reason, "it is typical of the agent")


def _little_known_agent(run: Candidate, agent: Recent) -> Iterator[Signal]:
    if run.agent_runs <= NEW_AGENT and agent.ratings < FEW_RATINGS:
        ratings = counted(agent.ratings, "rating")
        worth = WORTH_OF_NEW_AGENT * (1 - agent.ratings / FEW_RATINGS)
        reason = f"the agent is new: {counted(run.agent_runs, 'run')} and {ratings} so far"
        yield Signal(worth, reason, reason)
    elif not agent.ratings:
        reason = f"the agent's latest {counted(agent.runs, 'run')} have no rating"
        yield Signal(WORTH_OF_UNRATED_AGENT, reason, reason)


_SIGNALS: tuple[Callable[[Candidate, Recent], Iterator[Signal]], ...] = (
    _scorers_disagree,
    _people_disagree,
    _no_score,
    _near_the_boundary,
    _near_the_mean,
    _little_known_agent,
)
