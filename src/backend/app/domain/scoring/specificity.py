"""Specificity: how much a report says in the words it uses."""

import math
import re
from collections import Counter
from itertools import pairwise

from app.domain.scoring import legibility, lexicon
from app.domain.scoring.facts import Facts
from app.domain.scoring.model import Assessment, clamp

_DENSE = 0.22
_SHORT = 8.0
_LONG = 45
_FRAGMENTS = re.compile(r"[,;.!:\u3001\u3002\uff0c\uff1b\uff1a\uff01]")


def assess(facts: Facts) -> Assessment:
    """How concrete the report is, and how little it wraps around that.

    Names, references and figures are counted once each. Both their number (saturating as
    1 - exp(-n / 3)) and their share of the words (full at about one word in five) matter: padding adds
    words and no facts, so it lowers the score. Words that fit any run, praise, bare keywords and
    repeated phrases cost, and what can hardly be read is worth less.
    """
    if facts.silent:
        return Assessment(0.0)
    stated = _stated(facts)
    density = min(1.0, stated / max(_SHORT, facts.body.length) / _DENSE)
    vague = facts.body.hits(lexicon.VAGUE)
    praise = facts.body.hits(lexicon.PRAISE)
    value = 0.1 + 0.5 * (1 - math.exp(-stated / 3)) + 0.4 * density
    value -= min(0.2, 0.05 * vague) + min(0.25, 0.05 * max(0, praise - 1))
    stuffing = _stuffing(facts)
    readable = legibility.assess(facts)
    reasons = (
        (bool(stuffing), stuffing),
        (
            facts.body.length > _LONG and density < 0.45,
            f"spreads few facts over {facts.body.length:.0f} words",
        ),
        (praise > 1, "praises the work where facts should stand"),
        (vague > 1 and density < 0.5, "stays vague"),
    )
    return Assessment(
        clamp(value * readable.value * (0.3 if stuffing else 1.0)),
        (*readable.reasons, *(reason for applies, reason in reasons if applies)),
    )


def _stated(facts: Facts) -> float:
    """Distinct concrete things said: references and figures in prose, numbers and names in fields."""
    prose = sum(found.reference_weight + found.figure_weight for found in (facts.in_headline, facts.in_rest))
    fields = sum(0.3 for count in facts.counts if count.value > 1)
    return prose + min(1.5, fields) + min(1.5, 0.2 * facts.named)


def _stuffing(facts: Facts) -> str:
    """In what way the account is a string of keywords; empty when it is made of sentences."""
    if _repetition(facts.body.words) > 0.25:
        return "repeats the same phrases"
    fragments = [part.strip() for part in _FRAGMENTS.split(facts.headline.raw) if part.strip()]
    bare = [part for part in fragments if len(part) <= 24 and len(part.split()) <= 3 and not _has_digit(part)]
    if len(bare) >= 8 and len(bare) >= 0.6 * len(fragments):
        return "strings keywords together"
    return ""


def _repetition(words: list[str]) -> float:
    """The share of words that begin a pair said before; numbers left out, for tables repeat their units."""
    spoken = [word for word in words if not word.isdecimal()]
    if len(spoken) < 12:
        return 0.0
    pairs = Counter(pairwise(spoken))
    return sum(n - 1 for n in pairs.values()) / len(spoken)


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
