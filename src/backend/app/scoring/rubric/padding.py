"""Padding: whether every word is needed. 1 when nothing can be left out."""

import math

from app.scoring.rubric import lexicon
from app.scoring.rubric.calibration import (
    CEREMONY_COST,
    EXCESS_SCALE,
    FREE_REPETITION,
    FREE_WORDS,
    MOST_CEREMONY_COST,
    MOST_PADDING_PRAISE_COST,
    MOST_REPETITION_COST,
    NOTABLE_EXCESS,
    NOTABLE_REPETITION,
    PADDING_DENSE,
    PADDING_PRAISE_COST,
    REPETITION_COST,
    SHORT_TEXT,
    TIGHT,
    WORDS_A_THING,
)
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp


def assess(facts: Facts) -> Assessment:
    """How little the report wraps around what it states.

    Readers of a fleet's log read hundreds of reports; each word without a fact costs them time.

    1. `FREE_WORDS` are free, and `WORDS_A_THING` for each thing stated; the excess lowers the value as
       exp(-excess / 45).
    2. Repeated phrases lower it further, unless the text is as dense as a table.
    3. Phrases of politeness and praise cost at any length.
    """
    if facts.silent:
        return Assessment(1.0)
    excess = max(0.0, facts.body.length - FREE_WORDS - WORDS_A_THING * facts.concrete)
    density = facts.concrete / max(SHORT_TEXT, facts.body.length)
    thin = 1 - min(1.0, density / PADDING_DENSE)
    repeated = thin * facts.body.repeated if thin else 0.0
    ceremony = facts.body.hits(lexicon.CEREMONY)
    praise = max(0, facts.body.hits(lexicon.PRAISE) - 1)
    again = min(MOST_REPETITION_COST, REPETITION_COST * max(0.0, repeated - FREE_REPETITION))
    value = math.exp(-excess / EXCESS_SCALE) * (1 - again)
    value -= min(MOST_CEREMONY_COST, CEREMONY_COST * ceremony) + min(
        MOST_PADDING_PRAISE_COST, PADDING_PRAISE_COST * praise
    )
    reasons = (
        (excess > NOTABLE_EXCESS, f"spreads few facts over {facts.body.length:.0f} words"),
        (repeated > NOTABLE_REPETITION, "says the same things more than once"),
        (ceremony > 0, "has words for ceremony"),
        (praise > 0, "praises the work where facts should stand"),
    )
    found = tuple(reason for applies, reason in reasons if applies)
    return Assessment(clamp(value), found if found or value < TIGHT else ("wastes no words",))
