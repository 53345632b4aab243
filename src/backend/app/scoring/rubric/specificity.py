"""Specificity: how much a report says in the words it uses."""

import math

from app.scoring.rubric import lexicon
from app.scoring.rubric.calibration import (
    CONCRETE,
    DENSE,
    HALF_DENSE,
    HARDLY_CONCRETE,
    MOST_PRAISE_COST,
    MOST_VAGUE_COST,
    PRAISE_COST,
    SPECIFICITY_BASE,
    SPECIFICITY_OF_DENSITY,
    SPECIFICITY_OF_NUMBER,
    SPECIFICITY_SATURATION,
    STUFFED_SPECIFICITY,
    VAGUE_COST,
)
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp


def assess(facts: Facts, readable: Assessment, stuffing: str) -> Assessment:
    """How concrete the report is: what exactly, where, how much.

    "Fixed some issues" could be said of any run. Names, references and figures are counted once each.
    Both their number (saturating as 1 - exp(-n / 3)) and their share of the words (full at about one
    word in five) matter. Words that fit any run, praise and bare keywords (`stuffing`) cost, and what can
    hardly be read (`readable`) is worth less.
    """
    if facts.silent:
        return Assessment(0.0)
    density = min(1.0, facts.density / DENSE)
    vague = facts.body.hits(lexicon.VAGUE)
    praise = facts.body.hits(lexicon.PRAISE)
    number = 1 - math.exp(-facts.stated / SPECIFICITY_SATURATION)
    value = SPECIFICITY_BASE + SPECIFICITY_OF_NUMBER * number + SPECIFICITY_OF_DENSITY * density
    value -= min(MOST_VAGUE_COST, VAGUE_COST * vague) + min(
        MOST_PRAISE_COST, PRAISE_COST * max(0, praise - 1)
    )
    value *= readable.value * (STUFFED_SPECIFICITY if stuffing else 1.0)
    reasons = [*readable.reasons]
    if value >= CONCRETE:
        reasons.append("is concrete")
    elif vague > 1 and density < HALF_DENSE:
        reasons.append("stays vague")
    elif value < HARDLY_CONCRETE:
        reasons.append("states little that is concrete")
    return Assessment(clamp(value), tuple(reasons))
