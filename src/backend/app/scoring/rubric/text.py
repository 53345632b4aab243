"""Prose as a set of words, so that a vocabulary is matched by set intersection."""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

from app.scoring.rubric.calibration import CHARACTERS_A_WORD, FEW_WORDS

_WORD = re.compile(r"[^\W_]{1,40}(?:['-][^\W_]{1,40}){0,4}")
_NO_PROSE = re.compile(r"[/\d]")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
PREFIX = 4  # letters of a word by which the languages it may belong to are found
_MAX_WORDS = 3_000  # what is read of a text: a bound on cost, beyond the longest that `payload` lets through


def entries(*lines: str) -> frozenset[str]:
    """The comma-separated words and phrases of all lines."""
    return frozenset(entry.strip() for line in lines for entry in line.split(","))


_NEGATORS = entries(
    "no, not, none, without, zero, 0, never, isn't, wasn't, don't, didn't, hardly, keine",
    "kein, keinen, keinerlei, nicht, ohne, sin, ningún, ninguna, sem, nenhum, nenhuma, não",
    "aucun, aucune, sans",
)


class Vocabulary:
    """Words and phrases, and fragments for scripts that put no spaces between words.

    `phrases` has those of several words by the first one, each between spaces.
    """

    __slots__ = ("first_words", "fragments", "phrases", "words")

    def __init__(self, entries: frozenset[str], fragments: frozenset[str] = frozenset()) -> None:
        self.words = frozenset(entry for entry in entries if " " not in entry)
        self.phrases: dict[str, list[str]] = {}
        for entry in entries - self.words:
            self.phrases.setdefault(entry.partition(" ")[0], []).append(f" {entry} ")
        self.first_words = frozenset(self.phrases)
        self.fragments = fragments


class Text:
    """A text, read once: its words, and its length in words.

    `vocabulary` has every word once; `unspaced` counts the characters that belong to a script without spaces
    (Chinese, Japanese) or to Hangul, two of which count as a word in `length`.
    """

    def __init__(self, raw: str, before: "Text | None" = None) -> None:
        """Read `raw`, or `before` and on a line of its own `raw`, of which only the latter has to be read."""
        self.raw = raw
        self.lower = raw.lower().replace("\u2019", "'")
        self.words: list[str] = _WORD.findall(self.lower)[:_MAX_WORDS]
        self.unspaced = 0 if raw.isascii() else len(UNSPACED.findall(raw))
        if before:
            self.raw = f"{before.raw}\n{raw}"
            self.lower = f"{before.lower}\n{self.lower}"
            self.words = (before.words + self.words)[:_MAX_WORDS]
            self.unspaced += before.unspaced
        self.vocabulary = frozenset(self.words)
        self.length = self._length()
        self._spaced = f" {' '.join(self.words)} "

    def _length(self) -> float:
        if not self.unspaced:
            return float(len(self.words))
        return sum(1 for word in self.words if word.isascii()) + self.unspaced / CHARACTERS_A_WORD

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """The first letters of every word."""
        return frozenset([word[:PREFIX] for word in self.vocabulary])

    @cached_property
    def affirmed(self) -> frozenset[str]:
        """The words with no negation directly before them, or with one word between."""
        before, last = "", ""
        kept = []
        for word in self.words:
            if last not in _NEGATORS and before not in _NEGATORS:
                kept.append(word)
            before, last = last, word
        return frozenset(kept)

    @cached_property
    def repeated(self) -> float:
        """The share of words that begin a pair said before, 0..1; 0 for a short text.

        Numbers, paths and links are left out: tables repeat their units, and links their hosts.
        """
        spoken = self.words
        if _NO_PROSE.search(self.lower):
            prose = [part for part in self.lower.split() if not _NO_PROSE.search(part)]
            spoken = _WORD.findall(" ".join(prose))[:_MAX_WORDS]
        if len(spoken) < FEW_WORDS:
            return 0.0
        return (len(spoken) - 1 - len(set(pairwise(spoken)))) / len(spoken)

    def hits(self, vocabulary: Vocabulary) -> int:
        """How many different entries of the vocabulary occur."""
        found = len(self.vocabulary & vocabulary.words) + self._fragments(vocabulary)
        for first in self.vocabulary & vocabulary.first_words:
            found += sum(map(self._spaced.__contains__, vocabulary.phrases[first]))
        return found

    def affirms(self, vocabulary: Vocabulary) -> bool:
        """Whether a word or a fragment occurs that is not negated; phrases are not looked for."""
        return not self.affirmed.isdisjoint(vocabulary.words) or self._fragments(vocabulary) > 0

    def contains_any(self, fragments: Iterable[str]) -> bool:
        """Whether one of these lower-case strings occurs, also within a word."""
        return any(map(self.lower.__contains__, fragments))

    def _fragments(self, vocabulary: Vocabulary) -> int:
        if not self.unspaced:
            return 0
        return sum(1 for fragment in vocabulary.fragments if fragment in self.lower)
