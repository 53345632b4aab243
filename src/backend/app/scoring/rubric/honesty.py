"""Honesty: whether claims, numbers, errors and status agree."""

from app.scoring.rubric import lexicon
from app.scoring.rubric.calibration import (
    ABSOLUTE_COST,
    BARE_CLAIM_COST,
    COHERENT,
    FURTHER_CONTRADICTION,
    HEDGE_COST,
    MEASURED,
    MOST_CONTRADICTIONS,
    MOST_SWEEP_COST,
    NOTABLE_SWEEP,
    SILENT_HONESTY,
    UNEXPLAINED_PARTIAL_COST,
)
from app.scoring.rubric.contradictions import Contradiction
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp


def assess(facts: Facts, contradictions: tuple[Contradiction, ...], evidence: float) -> Assessment:
    """Whether the report can be believed as it stands.

    A log is only worth reading when its statuses can be relied on.

    1. A report that contradicts itself loses by its gravest contradiction, and little by further ones.
    2. Without one, what makes it credible is that `evidence` (0..1) supports what it claims, or that it names
       what is open or went wrong; a failed run has no choice but to do so and earns nothing by it.
    3. A partial run that does not say what is missing loses.
    4. Sweeping claims cost as far as no evidence supports them, and being unsure of its own success costs.
    """
    if facts.silent:
        return Assessment(SILENT_HONESTY, ("makes no claim that could be true",))
    if contradictions:
        gravest = contradictions[:MOST_CONTRADICTIONS]
        lost = sum(c.weight * FURTHER_CONTRADICTION**rank for rank, c in enumerate(gravest))
        return Assessment(clamp(COHERENT - lost), tuple(c.text for c in gravest))
    reasons = []
    candid = facts.declared_noop or (facts.status != "failed" and _is_candid(facts))
    value = COHERENT + (1 - COHERENT) * (1.0 if candid else evidence)
    if candid and not facts.declared_noop:
        reasons.append("says what is open or went wrong")
    elif facts.status == "partial" and not candid:
        value -= UNEXPLAINED_PARTIAL_COST
        reasons.append("is partial and does not say what is missing")
    unsupported = _sweep(facts) * (1 - evidence)
    if unsupported > NOTABLE_SWEEP:
        reasons.append("makes sweeping claims that nothing in it supports")
    value -= unsupported
    if facts.status == "success" and facts.headline.hits(lexicon.HEDGE):
        value -= HEDGE_COST
        reasons.append("is unsure of its own success")
    return Assessment(clamp(value), tuple(reasons or ["claims, numbers and status agree"]))


def _sweep(facts: Facts) -> float:
    """How sweeping the claims are, 0 to 0.5; "all 8,120 pages" says how many, and can be checked."""
    figures = facts.in_headline.figures + facts.in_rest.figures
    perfect = any(figure.percent and figure.value == 100 for figure in figures)
    counted = any(figure.weight >= MEASURED for figure in facts.in_headline.figures)
    bare = facts.claims_everything and not counted
    sweeping = ABSOLUTE_COST * (facts.body.hits(lexicon.ABSOLUTE) + perfect)
    return min(MOST_SWEEP_COST, sweeping + BARE_CLAIM_COST * bare)


def _is_candid(facts: Facts) -> bool:
    if facts.admits_limits or (bool(facts.remainders) and not facts.claims_everything):
        return True
    return facts.status == "partial" and facts.headline.hits(lexicon.NEXT_STEP) > 0
