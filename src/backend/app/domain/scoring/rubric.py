"""Combines the dimensions into one score."""

from collections.abc import Sequence

from app.domain.scoring import consistency, contradictions, evidence, integrity, novelty, outcome, specificity
from app.domain.scoring.facts import extract
from app.domain.scoring.model import RunReport, Score, clamp

WEIGHTS = {"outcome": 0.34, "evidence": 0.18, "specificity": 0.18, "consistency": 0.2, "novelty": 0.1}
"""Shares of the dimensions in `auto`; they sum to 1."""

_COPY = 0.5
_MOST_FOR_SILENCE = 0.05


def score(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
    """The quality of `run`, given the agent's earlier runs, oldest first.

    A weighted mean of the dimensions, lowered as a whole for what makes all of it worthless: silence, a
    word-for-word repeat, instructions to the judge, leaked credentials, unapproved harm.
    """
    facts = extract(run)
    found = contradictions.find(facts)
    shown = evidence.assess(facts)
    concrete = specificity.assess(facts)
    support = (shown.value + concrete.value) / 2
    parts = {
        "outcome": outcome.assess(facts, found, support),
        "evidence": shown,
        "specificity": concrete,
        "consistency": consistency.assess(facts, found, shown.value),
        "novelty": novelty.assess(facts, history),
    }
    auto = sum(WEIGHTS[name] * part.value for name, part in parts.items())
    breaches = integrity.breaches(facts)
    for breach in breaches:
        auto *= breach.factor
    if parts["novelty"].value <= novelty.REPEAT:
        auto *= _COPY
    if facts.silent:
        auto = min(auto, _MOST_FOR_SILENCE)
    reasons = [breach.text for breach in breaches]
    for name in ("consistency", "outcome", "evidence", "specificity", "novelty"):
        reasons.extend(parts[name].reasons)
    return Score(
        auto=round(clamp(auto), 4),
        dimensions={name: round(clamp(part.value), 4) for name, part in parts.items()},
        reasons=tuple(reasons),
    )
