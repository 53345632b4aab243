"""Specificity: how much a report says in the words it uses."""

import math

from app.scoring.rubric import lexicon
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp

_DENSE = 0.22
_CONCRETE = 0.6


def assess(facts: Facts, readable: Assessment, stuffing: str) -> Assessment:
    """How concrete the report is: what exactly, where, how much.

    "Fixed some issues" could be said of any run. Names, references and figures are counted once each.
    Both their number (saturating as 1 - exp(-n / 3)) and their share of the words (full at about one
    word in five) matter. Words that fit any run, praise and bare keywords (`stuffing`) cost, and what can
    hardly be read (`readable`) is worth less.
    """
    if facts.silent:
        return Assessment(0.0)
    density = min(1.0, facts.density / _DENSE)
    vague = facts.body.hits(lexicon.VAGUE)
    praise = facts.body.hits(lexicon.PRAISE)
    value = 0.1 + 0.5 * (1 - math.exp(-facts.stated / 3)) + 0.4 * density
    value -= min(0.2, 0.05 * vague) + min(0.25, 0.05 * max(0, praise - 1))
    value *= readable.value * (0.3 if stuffing else 1.0)
    reasons = [*readable.reasons]
    if value >= _CONCRETE:
        reasons.append("is concrete")
    elif vague > 1 and density < 0.5:
        reasons.append("stays vague")
    elif value < 0.3:
        reasons.append("states little that is concrete")
    return Assessment(clamp(value), tuple(reasons))
