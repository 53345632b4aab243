"""Padding: whether every word is needed. 1 when nothing can be left out."""

import math

from app.scoring.rubric import lexicon
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, clamp

_FREE_WORDS = 14
_WORDS_A_FACT = 9
_TOO_MANY = 45
_DENSE = 0.3


def assess(facts: Facts) -> Assessment:
    """How little the report wraps around what it states.

    Readers of a fleet's log read hundreds of reports; each word without a fact costs all of them. Some
    words are free, and some for each thing stated; what goes beyond lowers the value as exp(-excess / 45).
    Repeated phrases, unless they are those of a table, ceremony and praise are padding at any length.
    """
    if facts.silent:
        return Assessment(1.0)
    excess = max(0.0, facts.body.length - _FREE_WORDS - _WORDS_A_FACT * facts.stated)
    thin = 1 - min(1.0, facts.density / _DENSE)
    repeated = thin * facts.body.repeated if thin else 0.0
    ceremony = facts.body.hits(lexicon.CEREMONY)
    praise = max(0, facts.body.hits(lexicon.PRAISE) - 1)
    value = math.exp(-excess / _TOO_MANY) * (1 - min(0.7, 1.5 * max(0.0, repeated - 0.08)))
    value -= min(0.4, 0.12 * ceremony) + min(0.4, 0.12 * praise)
    reasons = (
        (excess > 15, f"spreads few facts over {facts.body.length:.0f} words"),
        (repeated > 0.2, "says the same things more than once"),
        (ceremony > 0, "has words for ceremony"),
        (praise > 0, "praises the work where facts should stand"),
    )
    told = tuple(reason for applies, reason in reasons if applies)
    return Assessment(clamp(value), told if told or value < 0.9 else ("wastes no words",))
