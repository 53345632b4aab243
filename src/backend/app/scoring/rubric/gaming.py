"""Gaming: whether the report is written for a score instead of its readers. 1 when it is not."""

import re

from app.scoring.rubric.calibration import (
    DENSE,
    FRAGMENT_WORDS,
    INSTRUCTED,
    LEAST_WORDS_A_LISTED,
    LONGEST_FRAGMENT,
    MANY_FRAGMENTS,
    MANY_LISTED,
    MANY_TAGS,
    MOST_SELF_RATING_GAMING,
    MOSTLY_FRAGMENTS,
    PLACEHOLDER_GAMING,
    REFERENCE_WEIGHTS,
    SELF_RATING_GAMING,
    SOLID_REFERENCE,
    STUFFED,
    STUFFED_REPETITION,
)
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment

_TAG = re.compile(r"#(?<!\S#)[^\W\d]\w{1,40}")
_MARKS = re.compile(r"[,;:] |[\u3001\u3002\uff0c\uff1a]")
_FRAGMENTS = re.compile(
    r"[,;.!|\u2022\u3001\u3002\uff0c\uff1b\uff1a\uff01\u2600-\u27bf\U0001f300-\U0001faff]|:(?!\d)"
)


def assess(facts: Facts, stuffing: str, instruction: str) -> Assessment:
    """Whether something in the report only makes sense as an attempt at a score.

    A score that can be had by other means than work is worthless. An `instruction` to the
    rater leaves nothing; strings of keywords (`stuffing`), placeholders for evidence and
    top marks for oneself leave less the more there are.
    """
    if instruction:
        return Assessment(INSTRUCTED, (instruction,))
    value, reasons = 1.0, []
    if stuffing:
        value *= STUFFED
        reasons.append(stuffing)
    placeholders, solid = placeholders_and_solid(facts)
    if placeholders:
        value *= 1 - PLACEHOLDER_GAMING * placeholders / (placeholders + solid)
        reasons.append(f"gives {placeholders} placeholder{'s' if placeholders > 1 else ''} for evidence")
    if facts.self_ratings:
        value *= 1 - min(MOST_SELF_RATING_GAMING, SELF_RATING_GAMING * facts.self_ratings)
        reasons.append("gives itself top marks")
    return Assessment(value, tuple(reasons))


def placeholders_and_solid(facts: Facts) -> tuple[int, int]:
    """How many references lead nowhere, as `abc1234` does, and how many lead straight to an artefact."""
    placeholders = sum(1 for reference in facts.references if reference.placeholder)
    solid = sum(
        1 for r in facts.references if not r.placeholder and REFERENCE_WEIGHTS[r.kind] >= SOLID_REFERENCE
    )
    return placeholders, solid


def keyword_stuffing(facts: Facts) -> str:
    """In what way the account is a string of keywords; empty when it is made of sentences."""
    if facts.density < DENSE and facts.body.repeated > STUFFED_REPETITION:
        return "repeats the same phrases"
    if facts.headline.raw.lstrip()[:1] in {"{", "["}:
        return ""
    if len(_TAG.findall(facts.headline.raw)) >= MANY_TAGS:
        return "strings keywords together"
    if _strings_references(facts):
        return "strings references together"
    fragments = [part.strip() for part in _FRAGMENTS.split(facts.headline.raw) if part.strip()]
    bare = sum(map(_is_bare, fragments))
    if bare >= MANY_FRAGMENTS and bare >= MOSTLY_FRAGMENTS * len(fragments):
        return "strings keywords together"
    return ""


def _is_bare(fragment: str) -> bool:
    """Whether a fragment is a keyword or two, without a number."""
    short = len(fragment) <= LONGEST_FRAGMENT and len(fragment.split()) <= FRAGMENT_WORDS
    return short and not any(map(str.isdigit, fragment))


def _strings_references(facts: Facts) -> bool:
    """Whether an account is a list of references with hardly a word, or without a mark between them."""
    listed, raw = len(facts.in_headline.references), facts.headline.raw
    least = LEAST_WORDS_A_LISTED if _MARKS.search(raw) else 1.0
    return listed >= MANY_LISTED and len(raw.split()) - listed < least * listed
