"""Honesty: whether claims, numbers, errors and status agree."""

from app.scoring.rubric import lexicon
from app.scoring.rubric.contradictions import Contradiction
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp

_COHERENT = 0.8
_FURTHER = 0.3
_MEASURED = 0.5


def assess(facts: Facts, contradictions: tuple[Contradiction, ...], evidence: float) -> Assessment:
    """Whether the report can be believed as it stands.

    A log is only worth reading when its statuses can be relied on. A report that contradicts itself
    loses by its gravest contradiction, and little by further ones. Without one, what makes it credible
    is that `evidence` (0..1) carries what it claims, or, unless it failed and has no choice, that it
    names what is open or went wrong. Sweeping claims cost as far as nothing carries them, and being
    unsure of one's own success costs.
    """
    if facts.silent:
        return Assessment(0.3, ("makes no claim that could be true",))
    if contradictions:
        value = _COHERENT - sum(c.weight * _FURTHER**rank for rank, c in enumerate(contradictions[:3]))
        return Assessment(clamp(value), tuple(c.text for c in contradictions[:3]))
    reasons = []
    candid = facts.declared_noop or (facts.status != "failed" and _is_candid(facts))
    value = _COHERENT + (1 - _COHERENT) * (1.0 if candid else evidence)
    if candid and not facts.declared_noop:
        reasons.append("says what is open or went wrong")
    elif facts.status == "partial" and not candid:
        value -= 0.3
        reasons.append("is partial and does not say what is missing")
    unsupported = _sweep(facts) * (1 - evidence)
    if unsupported > 0.1:
        reasons.append("makes sweeping claims that nothing in it supports")
    value -= unsupported
    if facts.status == "success" and facts.headline.hits(lexicon.HEDGE):
        value -= 0.25
        reasons.append("is unsure of its own success")
    return Assessment(clamp(value), tuple(reasons or ["claims, numbers and status agree"]))


def _sweep(facts: Facts) -> float:
    """How sweeping the claims are, 0 to 0.5; "all 8,120 pages" says how many, and can be checked."""
    figures = facts.in_headline.figures + facts.in_rest.figures
    perfect = any(figure.percent and figure.value == 100 for figure in figures)
    counted = any(figure.weight >= _MEASURED for figure in facts.in_headline.figures)
    bare = facts.claims_everything and not counted
    return min(0.5, 0.2 * (facts.body.hits(lexicon.ABSOLUTE) + perfect) + 0.1 * bare)


def _is_candid(facts: Facts) -> bool:
    if facts.admits_limits or (bool(facts.remainders) and not facts.claims_everything):
        return True
    return facts.status == "partial" and facts.headline.hits(lexicon.NEXT_STEP) > 0
