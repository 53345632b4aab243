"""Combines the dimensions into one score."""

from collections.abc import Iterator, Sequence

from app.scoring.rubric import (
    contradictions,
    diagnosis,
    evidence,
    gaming,
    honesty,
    legibility,
    padding,
    progress,
    repetition,
    risk,
    specificity,
)
from app.scoring.rubric.calibration import CONTRADICTED_COST, MOST_FOR_SILENCE, PENALTY_FLOORS, WEIGHTS
from app.scoring.rubric.model import Assessment, RunReport, Score, clamp


def score(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
    """The quality of `run`, given the agent's earlier runs, oldest first.

    1. Each dimension is assessed, from the facts that the report states.
    2. `WEIGHTS` gives their mean; diagnosis counts only where the run failed.
    3. The dimensions in `PENALTY_FLOORS` lower the mean: a repeat, an attempt at a score, a leaked secret
       and harm devalue the whole report. The factor falls from 1 to the floor as the dimension falls to 0.
    4. A report that contradicts itself loses in the whole as well, by its gravest contradiction: what it
       names cannot be relied on either.
    5. A silent run is capped at `MOST_FOR_SILENCE`.
    """
    facts = run.facts
    found = contradictions.find(facts)
    parts = _assess(run, history, found)
    weights = {name: w for name, w in WEIGHTS.items() if name != "diagnosis" or diagnosis.applies(facts)}
    auto = sum(weight * parts[name].value for name, weight in weights.items()) / sum(weights.values())
    for name, floor in PENALTY_FLOORS.items():
        auto *= floor + (1 - floor) * parts[name].value
    if found:
        auto *= 1 - CONTRADICTED_COST * found[0].weight
    if facts.silent:
        auto = min(auto, MOST_FOR_SILENCE)
    return Score(
        auto=round(clamp(auto), 4),
        dimensions={name: round(clamp(part.value), 4) for name, part in parts.items()},
        reasons=tuple(reason for name in _by_weight(parts) for reason in parts[name].reasons),
    )


def _by_weight(parts: dict[str, Assessment]) -> Iterator[str]:
    """The names of the dimensions in the order of their reasons: those that lower the whole first."""
    lowering = [name for name in PENALTY_FLOORS if parts[name].value < 1]
    yield from lowering
    yield from ("honesty", "progress", "diagnosis", "evidence", "specificity", "padding")
    yield from (name for name in PENALTY_FLOORS if name not in lowering)


def _assess(
    run: RunReport, history: Sequence[RunReport], found: tuple[contradictions.Contradiction, ...]
) -> dict[str, Assessment]:
    facts = run.facts
    readable = legibility.assess(facts)
    stuffing = gaming.keyword_stuffing(facts)
    shown = evidence.assess(facts, readable)
    concrete = specificity.assess(facts, readable, stuffing)
    explained = diagnosis.assess(facts)
    support = (shown.value + concrete.value) / 2
    return {
        "progress": progress.assess(facts, found, support, explained.value),
        "evidence": shown,
        "specificity": concrete,
        "honesty": honesty.assess(facts, found, shown.value),
        "diagnosis": explained,
        "padding": padding.assess(facts),
        "repetition": repetition.assess(facts, history),
        "gaming": gaming.assess(facts, stuffing, run.instruction),
        "risk": risk.assess(facts),
    }
