"""The review queue: candidates by what a rating of them is worth, spread over agents."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.quality.domain.calibration import (
    HALF_AS_RECENT,
    WORTH_OF_NO_SIGNAL,
    WORTH_OF_RATED,
)
from app.quality.domain.review.candidate import Candidate
from app.quality.domain.review.signals import Recent, signals


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A run to look at, what that is worth beside others, and why in words.

    `blind_reasons` say why without its score, so that a rater is not led by it.
    """

    run: Candidate
    worth: float
    reasons: tuple[str, ...]
    blind_reasons: tuple[str, ...]


def review_queue(candidates: Iterable[Candidate], now: datetime, limit: int) -> list[Suggestion]:
    """The `limit` runs most worth a look, without those that the reviewer has rated.

    1. A run's signals are combined like independent chances to learn something: 1 - product(1 - worth / 2).
    2. That is halved when others have rated it, and lowered by up to half with age.
    3. Each run of an agent in the queue halves the worth of the agent's next, so that no agent fills the
       queue while others have something to show.
    """
    by_agent: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_agent[candidate.agent_id].append(candidate)
    found = [suggestion for runs in by_agent.values() for suggestion in _of_agent(runs, now)]
    return heapq.nsmallest(limit, found, key=_by_worth)


def _by_worth(suggestion: Suggestion) -> tuple[float, float, str]:
    return (-suggestion.worth, -suggestion.run.created_at.timestamp(), str(suggestion.run.id))


def _of_agent(runs: list[Candidate], now: datetime) -> list[Suggestion]:
    """The agent's runs that are to be looked at, each worth less by those before it."""
    agent = Recent.of(runs)
    found = sorted((_suggestion(run, agent, now) for run in runs if not run.mine), key=_by_worth)
    return [replace(each, worth=round(each.worth / 2**place, 4)) for place, each in enumerate(found)]


def _suggestion(run: Candidate, agent: Recent, now: datetime) -> Suggestion:
    found = signals(run, agent)
    nothing_learnt = 1.0
    for signal in found:
        nothing_learnt *= 1 - signal.worth / 2
    worth = max(WORTH_OF_NO_SIGNAL, 1 - nothing_learnt)
    if run.ratings:
        worth *= WORTH_OF_RATED
    age = max(now - run.created_at, timedelta(0))
    worth *= (1 + 0.5 ** (age / HALF_AS_RECENT)) / 2
    reasons = tuple(signal.reason for signal in found) or (_plainly(run),)
    blind = tuple(signal.blind for signal in found) or reasons
    return Suggestion(run, worth, reasons, blind)


def _plainly(run: Candidate) -> str:
    if run.ratings:
        return "you have not rated it yet"
    return "it is recent and has no rating"
