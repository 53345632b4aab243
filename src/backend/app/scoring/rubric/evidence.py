"""Evidence: what a reader could check."""

import math
from operator import itemgetter

from app.scoring.rubric.calibration import (
    COUNT_POINTS,
    COUNT_WEIGHT,
    EVIDENCE_SATURATION,
    FIGURE_POINTS,
    FREE_REFERENCES,
    LEAST_EVIDENCE_OF_NOOP,
    MOST_COUNT_POINTS,
    MOST_FIGURE_POINTS,
    MOST_NAMED_POINTS,
    MOST_SELF_RATING_COST,
    NAMED_POINTS,
    PLACEHOLDER_COST,
    REFERENCES_A_THING,
    SELF_RATING_COST,
)
from app.scoring.rubric.facts import Facts, points_of
from app.scoring.rubric.gaming import placeholders_and_solid
from app.scoring.rubric.model import Assessment, clamp

_MOST_KINDS = 3  # of references that a reason lists
_NAMES = {
    "url": ("URL", "URLs"),
    "uuid": ("id", "ids"),
    "path": ("path", "paths"),
    "file": ("file", "files"),
    "sha": ("commit or digest", "commits or digests"),
    "ticket": ("ticket", "tickets"),
    "numbered": ("numbered item", "numbered items"),
    "version": ("version", "versions"),
    "name": ("name in code", "names in code"),
    "host": ("host or id", "hosts or ids"),
}


def assess(facts: Facts, readable: Assessment) -> Assessment:
    """How much of the report can be verified by a reader who was not there.

    A claim that cannot be checked is worth little in a permanent record.

    1. References count by kind (`REFERENCE_WEIGHTS`), each further one of a kind less, because ten paths
       prove little more than three. Named items and measured numbers support them.
    2. The points saturate as 1 - exp(-points / 3), so 0 is reached by bare assertions only and 1 never.
    3. Placeholders and marks an agent gives itself take away: they look like evidence and are none.
    4. What is hard to read (`readable`) is hard to check.
    5. A declared no-op has done nothing that could be shown, so it keeps a minimum.
    """
    if facts.silent:
        return Assessment(0.0)
    placeholders, solid = placeholders_and_solid(facts)
    value = 1 - math.exp(-(_reference_points(facts) + _measured(facts)) / EVIDENCE_SATURATION)
    if placeholders:
        value *= 1 - PLACEHOLDER_COST * placeholders / (placeholders + solid)
    value -= min(MOST_SELF_RATING_COST, SELF_RATING_COST * facts.self_ratings)
    value *= (1 + readable.value) / 2
    value = max(value, LEAST_EVIDENCE_OF_NOOP) if facts.declared_noop else value
    return Assessment(clamp(value), tuple(_reasons(facts)))


def _reference_points(facts: Facts) -> float:
    """Points for what leads to an artefact; lists in fields support an account, and do not replace one."""
    worth: dict[str, float] = {}
    in_account = points_of(facts.in_headline.references, worth)
    in_fields = points_of(facts.in_rest.references, worth)
    return in_account + min(in_fields, FREE_REFERENCES + REFERENCES_A_THING * facts.in_account)


def _measured(facts: Facts) -> float:
    """Points for numbers and named items, which can be checked but not looked up."""
    if facts.only_activity:
        return 0.0
    figures = facts.in_headline.figure_weight + facts.in_rest.figure_weight
    counts = sum(
        min(1.0, COUNT_WEIGHT + COUNT_WEIGHT * len(f"{count.value:g}"))
        for count in facts.counts
        if count.value > 1
    )
    return (
        min(MOST_FIGURE_POINTS, FIGURE_POINTS * figures)
        + min(MOST_COUNT_POINTS, COUNT_POINTS * counts)
        + min(MOST_NAMED_POINTS, NAMED_POINTS * facts.named)
    )


def _reasons(facts: Facts) -> list[str]:
    kinds: dict[str, int] = {}
    for reference in facts.references:
        if not reference.placeholder and reference.kind in _NAMES:
            kinds[reference.kind] = kinds.get(reference.kind, 0) + 1
    reasons = []
    if kinds:
        most = sorted(kinds.items(), key=itemgetter(1), reverse=True)[:_MOST_KINDS]
        named = (f"{n} {_NAMES[kind][n > 1]}" for kind, n in most)
        reasons.append(f"names {', '.join(named)}")
    elif not facts.declared_noop:
        reasons.append("names nothing that could be looked up")
    return reasons
