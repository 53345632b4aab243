"""Evidence: what a reader could check."""

import math
from collections import Counter

from app.scoring.rubric.facts import Facts
from app.scoring.rubric.gaming import placeholders_and_solid
from app.scoring.rubric.model import Assessment, clamp
from app.scoring.rubric.references import WEIGHTS

_SATURATION = 3.0
_NEXT_OF_A_KIND = 0.6
_NOTHING_TO_SHOW = 0.4
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
    """How much of the report can be verified by somebody who was not there.

    A claim nobody can check is worth little in a permanent record. References count by kind
    (`references.WEIGHTS`), each further one of a kind less, because ten paths prove little more than three.
    Named items and measured numbers support them. Placeholders and marks an agent gives itself take away:
    they look like evidence and are none. The points saturate as 1 - exp(-points / 3), so 0 is reached by
    bare assertions only and 1 never. A declared no-op has done nothing that could be shown, so it is not
    held against it. What is hard to read (`readable`) is hard to check.
    """
    if facts.silent:
        return Assessment(0.0)
    placeholders, solid = placeholders_and_solid(facts)
    value = 1 - math.exp(-(_reference_points(facts) + _measured(facts)) / _SATURATION)
    if placeholders:
        value *= 1 - 0.8 * placeholders / (placeholders + solid)
    value -= min(0.3, 0.08 * facts.self_ratings)
    value *= (1 + readable.value) / 2
    value = max(value, _NOTHING_TO_SHOW) if facts.declared_noop else value
    return Assessment(clamp(value), tuple(_reasons(facts)))


def _reference_points(facts: Facts) -> float:
    worth: dict[str, float] = {}
    points = 0.0
    for reference in facts.references:
        if not reference.placeholder:
            next_one = worth.get(reference.kind, WEIGHTS[reference.kind])
            points += next_one
            worth[reference.kind] = next_one * _NEXT_OF_A_KIND
    return points


def _measured(facts: Facts) -> float:
    """Numbers and named items: checkable in principle, but nowhere to look them up."""
    figures = facts.in_headline.figure_weight + facts.in_rest.figure_weight
    counts = sum(min(1.0, 0.15 + 0.15 * len(f"{count.value:g}")) for count in facts.counts if count.value > 1)
    return min(1.2, 0.3 * figures) + min(0.9, 0.3 * counts) + min(0.8, 0.12 * facts.named)


def _reasons(facts: Facts) -> list[str]:
    kinds = Counter(r.kind for r in facts.references if not r.placeholder and r.kind in _NAMES)
    reasons = []
    if kinds:
        reasons.append("names " + ", ".join(f"{n} {_NAMES[kind][n > 1]}" for kind, n in kinds.most_common(3)))
    elif not facts.declared_noop:
        reasons.append("names nothing that could be looked up")
    return reasons
