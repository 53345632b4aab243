"""Progress: how far the run got with its job, as far as the report bears it out."""

from app.scoring.rubric import lexicon
from app.scoring.rubric.contradictions import Contradiction
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp

_SHOWN = ((0.6, "shows it"), (0.25, "shows some of it"), (0.0, "shows little of it"))


def assess(
    facts: Facts, contradictions: tuple[Contradiction, ...], support: float, diagnosis: float
) -> Assessment:
    """How much was achieved, or learned from failing.

    An agent runs for what comes of it. `support` (0..1) is how well the rest of the report carries the
    status: a bare success is worth less than half of one that is shown. A partial run earns by what is
    done and by saying what is open. Of a failed one nothing is left but what was learned, its `diagnosis`
    (0..1). A success that contradicts itself, that did nothing without saying why, or that says nothing
    at all is hardly one.
    """
    if facts.silent:
        return Assessment(0.0, ("says nothing about the run",))
    if facts.declared_noop and facts.status != "failed":
        return Assessment(0.8, ("did nothing and says why",))
    if facts.status == "failed":
        assessment = Assessment(0.02 + 0.18 * diagnosis, ("did not do its job",))
    else:
        assessment = _completed(facts, support)
    doubt = 0.9 * contradictions[0].weight if contradictions else 0.0
    return Assessment(clamp(assessment.value * (1 - doubt)), assessment.reasons)


def _completed(facts: Facts, support: float) -> Assessment:
    limits = bool(facts.remainders) or facts.admits_limits
    if facts.counts and all(count.value == 0 for count in facts.counts):
        if facts.headline.hits(lexicon.NOTHING_TO_DO) or (facts.status == "partial" and limits):
            return Assessment(0.45 + 0.4 * support, ("had nothing to do and says so",))
        return Assessment(0.15 + 0.2 * support, (f"reports {facts.status} although every count is zero",))
    if facts.status == "partial":
        return Assessment(0.25 + 0.5 * support + 0.05 * limits, ("reports a partial result",))
    if facts.status != "success":
        return Assessment(0.2, ("has a status outside success, partial and failed",))
    shown = next(words for least, words in _SHOWN if support >= least)
    return Assessment(0.3 + 0.7 * support, (f"reports success and {shown}",))
