"""Diagnosis: what a run that failed leaves for whoever looks into it."""

import math
import re

from app.scoring.rubric import keys, lexicon
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp
from app.scoring.rubric.text import Vocabulary

_NAMED_AFTER = re.compile(
    r"[:;(\u2013\u2014\uff1a\uff08\u3002]\s{0,2}[^\s:;()]{2,60}[\s,]{1,2}[^\s:;()]{1,60}"
)
_SHARES = (
    ("exactly where", 0.45),
    ("why", 0.25),
    ("what state things are in", 0.15),
    ("what comes next", 0.15),
)


def applies(facts: Facts) -> bool:
    """Whether there is a failure to diagnose; where there is none, the dimension has no weight."""
    return facts.status == "failed" and not facts.silent


def assess(facts: Facts) -> Assessment:
    """How well the report explains the failure: where exactly, why, what state is left, what comes next.

    The next run, and whoever is woken at night, starts from what this one found out. How exact it is
    counts most, saturating as 1 - exp(-points / 2) over references and figures. Phrases that stand
    where a diagnosis should ("something went wrong") halve it. 1 for a run that did not fail.
    """
    if not applies(facts):
        return Assessment(float(facts.status != "failed"))
    precise = facts.in_headline.reference_weight + 0.6 * facts.in_headline.figure_weight
    precise += 0.3 * facts.in_rest.reference_weight + 0.2 * facts.in_rest.figure_weight
    said = (
        1 - math.exp(-precise / 2),
        float(_gives_cause(facts)),
        float(_tells(facts, lexicon.STATE_LEFT, keys.STATE)),
        float(_tells(facts, lexicon.NEXT_STEP, keys.NEXT)),
    )
    value = sum(share * part for (_, share), part in zip(_SHARES, said, strict=True))
    empty = facts.headline.hits(lexicon.EMPTY_DIAGNOSIS)
    reasons = []
    if told := [name for (name, _), part in zip(_SHARES, said, strict=True) if part >= 0.5]:
        reasons.append(f"explains its failure: {', '.join(told)}")
    if untold := [name for (name, _), part in zip(_SHARES, said, strict=True) if part < 0.5]:
        reasons.append(f"leaves open about its failure: {', '.join(untold)}")
    if empty:
        reasons.append("uses phrases that fit any failure")
    return Assessment(clamp(value * 0.5 ** min(2, empty)), tuple(reasons))


def _gives_cause(facts: Facts) -> bool:
    """By a word for it, by an error under its key, or by what follows the colon in "failed: DNS timeout"."""
    if facts.errors or _tells(facts, lexicon.CAUSE, keys.CAUSE):
        return True
    return facts.headline.hits(lexicon.FAILURE) > 0 and _NAMED_AFTER.search(facts.headline.raw) is not None


def _tells(facts: Facts, vocabulary: Vocabulary, names: frozenset[str]) -> bool:
    """Whether the prose has a word of the vocabulary, or a field of such a name says something."""
    if facts.body.hits(vocabulary):
        return True
    return any(
        isinstance(leaf.value, str) and " " in leaf.value.strip() and not names.isdisjoint(leaf.words)
        for leaf in facts.payload.leaves
    )
