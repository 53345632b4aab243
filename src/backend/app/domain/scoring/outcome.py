"""Outcome: what came of the run, as far as the report bears it out."""

import math

from app.domain.scoring import lexicon
from app.domain.scoring.contradictions import Contradiction
from app.domain.scoring.facts import Facts
from app.domain.scoring.model import Assessment, clamp

_SHOWN = ((0.6, "shows it"), (0.25, "shows some of it"), (0.0, "shows little of it"))


def assess(facts: Facts, contradictions: tuple[Contradiction, ...], support: float) -> Assessment:
    """How much was achieved, or learned from failing.

    `support` (0..1) is how well the rest of the report carries the status: a bare success is worth
    less than half of one that is shown. A partial run earns by what is done and by saying what is
    open, a failed one by its diagnosis. A success that contradicts itself, that did nothing without
    saying why, or that says nothing at all is hardly one.
    """
    if facts.silent:
        return Assessment(0.05 if facts.status == "success" else 0.0, ("says nothing about the run",))
    if facts.declared_noop and facts.status != "failed":
        return Assessment(0.8, ("did nothing and says why",))
    assessment = _failed(facts) if facts.status == "failed" else _completed(facts, support)
    doubt = 0.9 * contradictions[0].weight if contradictions else 0.0
    return Assessment(clamp(assessment.value * (1 - doubt)), assessment.reasons)


def _completed(facts: Facts, support: float) -> Assessment:
    limits = bool(facts.remainders) or facts.admits_limits
    if facts.counts and all(count.value == 0 for count in facts.counts):
        if facts.headline.hits(lexicon.NOTHING_TO_DO) or (facts.status == "partial" and limits):
            return Assessment(0.45 + 0.4 * support, ("had nothing to do and says so",))
        return Assessment(0.15 + 0.2 * support, (f"reports {facts.status} although every count is zero",))
    if facts.status == "partial":
        return Assessment(0.25 + 0.5 * support + 0.1 * limits, ("reports a partial result",))
    if facts.status != "success":
        return Assessment(0.2, ("has a status outside success, partial and failed",))
    shown = next(words for least, words in _SHOWN if support >= least)
    return Assessment(0.3 + 0.7 * support, (f"reports success and {shown}",))


def _failed(facts: Facts) -> Assessment:
    """The worth of a failure is its diagnosis: what precisely, why, what state is left, what comes next."""
    precise = facts.in_headline.reference_weight + 0.6 * facts.in_headline.figure_weight
    exact = 1 - math.exp(-(precise + 0.3 * facts.in_rest.reference_weight) / 2)
    cause = facts.headline.hits(lexicon.CAUSE) > 0 or bool(facts.errors)
    state = facts.body.hits(lexicon.STATE_LEFT) > 0
    following = facts.body.hits(lexicon.NEXT_STEP) > 0
    diagnosis = 0.45 * exact + 0.25 * cause + 0.15 * state + 0.15 * following
    diagnosis *= 0.5 ** min(2, facts.headline.hits(lexicon.EMPTY_DIAGNOSIS))
    value = 0.06 + 0.42 * diagnosis
    if diagnosis >= 0.5:
        ending = " and says what comes next" if following else ""
        return Assessment(value, (f"diagnoses its failure{ending}",))
    return Assessment(value, ("fails without saying why" if diagnosis < 0.25 else "reports a failure",))
