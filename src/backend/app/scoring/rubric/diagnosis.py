"""Diagnosis: what a failed run leaves for the people and runs that look into it."""

import math
import re

from app.scoring.rubric import keys, lexicon
from app.scoring.rubric.calibration import (
    DIAGNOSIS_FIGURE,
    DIAGNOSIS_FIGURE_ELSEWHERE,
    DIAGNOSIS_GIVEN,
    DIAGNOSIS_REFERENCE_ELSEWHERE,
    DIAGNOSIS_SATURATION,
    DIAGNOSIS_SHARES,
    EMPTY_PHRASE_FACTOR,
    MOST_EMPTY_PHRASES,
)
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp
from app.scoring.rubric.text import Vocabulary

_NAMED_AFTER = re.compile(
    r"[:;(\u2013\u2014\uff1a\uff08\u3002]\s{0,2}[^\s:;()]{2,60}[\s,]{1,2}[^\s:;()]{1,60}"
)
_IN_WORDS = {
    "where": "exactly where",
    "why": "why",
    "state": "what state things are in",
    "next": "what comes next",
}


def applies(facts: Facts) -> bool:
    """Whether there is a failure to diagnose; where there is none, the dimension has no weight."""
    return facts.status == "failed" and not facts.silent


def assess(facts: Facts) -> Assessment:
    """How well the report explains the failure: where exactly, why, what state is left, what comes next.

    The next run, and the engineer on call, start from what this one found out. How exact it is
    counts most, saturating as 1 - exp(-points / 2) over references and figures. Phrases that stand
    where a diagnosis should ("something went wrong") halve it. 1 for a run that did not fail.
    """
    if not applies(facts):
        return Assessment(float(facts.status != "failed"))
    parts = {
        "where": 1 - math.exp(-_precision(facts) / DIAGNOSIS_SATURATION),
        "why": float(_gives_cause(facts)),
        "state": float(_says(facts, lexicon.STATE_LEFT, keys.STATE)),
        "next": float(_says(facts, lexicon.NEXT_STEP, keys.NEXT)),
    }
    value = sum(DIAGNOSIS_SHARES[name] * part for name, part in parts.items())
    empty = facts.headline.hits(lexicon.EMPTY_DIAGNOSIS)
    reasons = []
    if given := [_IN_WORDS[name] for name, part in parts.items() if part >= DIAGNOSIS_GIVEN]:
        reasons.append(f"explains its failure: {', '.join(given)}")
    if missing := [_IN_WORDS[name] for name, part in parts.items() if part < DIAGNOSIS_GIVEN]:
        reasons.append(f"leaves open about its failure: {', '.join(missing)}")
    if empty:
        reasons.append("uses phrases that fit any failure")
    return Assessment(clamp(value * EMPTY_PHRASE_FACTOR ** min(MOST_EMPTY_PHRASES, empty)), tuple(reasons))


def _precision(facts: Facts) -> float:
    """Points for references and figures; what stands outside the account counts less."""
    head, rest = facts.in_headline, facts.in_rest
    precise = head.reference_weight + DIAGNOSIS_FIGURE * head.figure_weight
    precise += (
        DIAGNOSIS_REFERENCE_ELSEWHERE * rest.reference_weight
        + DIAGNOSIS_FIGURE_ELSEWHERE * rest.figure_weight
    )
    return precise


def _gives_cause(facts: Facts) -> bool:
    """By a word for it, by an error under its key, or by what follows the colon in "failed: DNS timeout"."""
    if facts.errors or _says(facts, lexicon.CAUSE, keys.CAUSE):
        return True
    return facts.headline.hits(lexicon.FAILURE) > 0 and _NAMED_AFTER.search(facts.headline.raw) is not None


def _says(facts: Facts, vocabulary: Vocabulary, names: frozenset[str]) -> bool:
    """Whether the prose has a word of the vocabulary, or a field of such a name says something."""
    if facts.body.hits(vocabulary):
        return True
    return any(
        isinstance(leaf.value, str) and " " in leaf.value.strip() and not names.isdisjoint(leaf.words)
        for leaf in facts.payload.leaves
    )
