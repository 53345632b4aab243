"""The features of a report that the reward model sees: broad, cheap and bounded, without the agent's name."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from app.scoring.reward.calibration import (
    LARGEST_NUMBER,
    LENGTHS,
    LONGEST_KEY,
    LONGEST_WORD,
    MOST_TERMS_OF_A_REPORT,
    NUMBER_SCALE,
    SMALLEST_NUMBER,
)
from app.scoring.rubric import RunReport, Score, lexicon
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.text import Text

RUBRIC = "rubric"
"""The measure that holds the rubric's `auto`."""

DIMENSION = "dimension "
"""Begins the names of the measures that hold the rubric's dimensions."""

WORD, KEY, NUMBER = "word ", "key ", "number "
"""Begin the names of terms: a word of the report, a key of its payload, the size of a number under a key."""

_KINDS = {
    "paths": ("path", "file"),
    "addresses": ("url", "host", "handle"),
    "commits": ("sha", "uuid"),
    "tickets": ("ticket", "numbered"),
    "versions": ("version",),
    "names": ("name", "camel"),
    "times": ("date", "clock"),
}
_VOCABULARIES = {
    "absolutes": lexicon.ABSOLUTE,
    "causes": lexicon.CAUSE,
    "done": lexicon.DONE,
    "failures": lexicon.FAILURE,
    "hedges": lexicon.HEDGE,
    "limits": lexicon.LIMIT,
    "next steps": lexicon.NEXT_STEP,
    "praise": lexicon.PRAISE,
    "state": lexicon.STATE_LEFT,
    "vague": lexicon.VAGUE,
}
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f](?:\s|$)")
_BULLET = re.compile(r"^\s{0,8}(?:[-*\u2022]|\d{1,2}[.)])\s", re.MULTILINE)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,40}")


@dataclass(frozen=True, slots=True)
class Features:
    """Measures, which every report has, and terms, which few reports share; each by its name.

    Measures are numbers of any scale, terms are from 0 to about 2 and absent where they are 0.
    """

    measures: Mapping[str, float]
    terms: Mapping[str, float]


def extract_features(run: RunReport, scored: Score) -> Features:
    """The features of a report that the rubric has scored."""
    facts = run.facts
    return Features(
        measures={**_of_rubric(scored), **_of_outcome(facts), **_of_text(facts), **_of_payload(facts)},
        terms=_terms(facts),
    )


def _of_rubric(scored: Score) -> dict[str, float]:
    dimensions = scored.dimensions
    mean = math.fsum(dimensions.values()) / len(dimensions) if dimensions else scored.auto
    return {
        RUBRIC: scored.auto,
        "devalued": mean - scored.auto,
        "weakest": min(dimensions.values(), default=scored.auto),
        **{DIMENSION + name: value for name, value in dimensions.items()},
    }


def _of_outcome(facts: Facts) -> dict[str, float]:
    failed, words = facts.status == "failed", facts.body.length
    return {
        "success": float(facts.status == "success"),
        "partial": float(facts.status == "partial"),
        "failed": float(failed),
        "failed at length": math.log1p(words) if failed else 0.0,
        "silent": float(facts.silent),
        "no-op": float(facts.declared_noop),
        "errors": math.log1p(len(facts.errors)),
        "remainders": math.log1p(sum(count.value for count in facts.remainders)),
        "remainders named": math.log1p(len(facts.remainders)),
        "claims everything": float(facts.claims_everything),
        "admits limits": float(facts.admits_limits),
        "self ratings": math.log1p(facts.self_ratings),
    }


def _of_text(facts: Facts) -> dict[str, float]:
    head, body = facts.headline, facts.body
    length = body.length
    letters = max(1, len(head.raw))
    return {
        "headline words": math.log1p(head.length),
        "words": math.log1p(length),
        **{f"words over {least}": float(length > least) for least in LENGTHS},
        "tool output": math.log1p(len(facts.raw.raw) / 100),
        "summary": float(facts.declared),
        "sentences": math.log1p(len(_SENTENCE_END.findall(head.raw))),
        "bullets": math.log1p(len(_BULLET.findall(head.raw))),
        "lines": math.log1p(head.raw.count("\n")),
        "word length": len("".join(body.words)) / max(1, len(body.words)),
        "repetition": 1 - len(body.vocabulary) / max(1, len(body.words)),
        "exclamations": math.log1p(head.raw.count("!") + head.raw.count("\uff01")),
        "questions": math.log1p(head.raw.count("?") + head.raw.count("\uff1f")),
        "capitals": sum(map(str.isupper, head.raw)) / letters,
        "digits": sum(map(str.isdigit, head.raw)) / letters,
        "other scripts": float(not head.raw.isascii()),
        **{f"vocabulary of {name}": float(body.hits(words)) for name, words in _VOCABULARIES.items()},
    }


def _of_payload(facts: Facts) -> dict[str, float]:
    payload = facts.payload
    kinds = Counter(reference.kind for reference in facts.references if not reference.placeholder)
    figures = facts.in_headline.figures + facts.in_rest.figures
    ratios = facts.in_headline.ratios + facts.in_rest.ratios
    scalars = Counter(type(leaf.value).__name__ for leaf in payload.leaves)
    return {
        **{name: math.log1p(sum(kinds[kind] for kind in of)) for name, of in _KINDS.items()},
        "references": math.log1p(kinds.total()),
        "references, weighed": facts.in_headline.reference_weight + facts.in_rest.reference_weight,
        "placeholders": math.log1p(sum(reference.placeholder for reference in facts.references)),
        "figures": math.log1p(len(figures)),
        "figures in headline": math.log1p(len(facts.in_headline.figures)),
        "percentages": math.log1p(sum(figure.percent for figure in figures)),
        "ratios": math.log1p(len(ratios)),
        "share done": min((ratio.done / max(1, ratio.total) for ratio in ratios), default=1.0),
        "counts": math.log1p(len(facts.counts)),
        "counts of zero": math.log1p(sum(count.value == 0 for count in facts.counts)),
        "tests": math.log1p(sum(_is_of_tests(count.words) for count in facts.counts)),
        "named things": math.log1p(facts.named),
        "fields": math.log1p(len(payload.leaves)),
        "lists": math.log1p(len(payload.arrays)),
        "list items": math.log1p(sum(array.size for array in payload.arrays)),
        "depth": float(max((leaf.depth for leaf in payload.leaves), default=0)),
        "texts": math.log1p(scalars["str"]),
        "numbers": math.log1p(scalars["float"]),
        "booleans": math.log1p(scalars["bool"]),
        "nulls": math.log1p(scalars["NoneType"]),
    }


def _is_of_tests(words: Iterable[str]) -> bool:
    return any(word.startswith("test") for word in words)


def _terms(facts: Facts) -> dict[str, float]:
    """Numbers and keys first, then words in the order of the report, as far as they are allowed."""
    terms = {
        NUMBER + count.name[:LONGEST_KEY]: min(LARGEST_NUMBER, math.log1p(abs(count.value)) / NUMBER_SCALE)
        for count in facts.counts
        if abs(count.value) > SMALLEST_NUMBER
    }
    for key in dict.fromkeys(leaf.words for leaf in facts.payload.leaves):
        terms[KEY + " ".join(key)[:LONGEST_KEY]] = 1.0
    for word in words_of(facts.body):
        terms[WORD + word] = 1.0
        if len(terms) >= MOST_TERMS_OF_A_REPORT:
            break
    return terms


def words_of(text: Text) -> Iterator[str]:
    """The words that may be terms: letters only, and pairs of characters where no spaces divide words."""
    spaced = not text.unspaced
    for word in text.words:
        if 2 < len(word) <= LONGEST_WORD and word.isalpha() and (spaced or word.isascii()):
            yield word
    if not spaced:
        for stretch in _UNSPACED.findall(text.raw):
            yield from map("".join, pairwise(stretch))
