"""One kind of secret: how it is recognised, how sure that is, and what it is not."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

# Characters. A secret so long may go on beyond what its pattern reads; one that no word announces is shorter.
_LONG = 250
_A_PLACE = 2_000  # they take some 5 µs, as a place does
_REST = re.compile(r"[^\s\"'`<]*")


class Certainty(IntEnum):
    """What becomes of a match. This is the one place in which masking and scoring may differ."""

    NONE = 0
    """No secret: shown as it is."""
    POSSIBLE = 1
    """Masked to be safe, and not scored: a word under a secret's name may be a password, or prose."""
    LIVE = 2
    """Masked, and scored as a leak."""


class Span(NamedTuple):
    """Where in a text a secret stands, how certain that is, and the name of its kind."""

    start: int
    end: int
    certainty: Certainty
    kind: str


def always_live(_: re.Match[str]) -> Certainty:
    """For a pattern that fits nothing but a secret."""
    return Certainty.LIVE


class Pattern:
    """A regular expression that is compiled when it is first tried: most texts announce few kinds."""

    def __init__(self, source: str) -> None:
        self._source = source

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression."""
        return re.compile(self._source)

    def match(self, text: str, start: int) -> re.Match[str] | None:
        """The match that begins at `start`."""
        return self.compiled.match(text, start)

    def finditer(self, text: str, start: int, end: int) -> Iterator[re.Match[str]]:
        """The matches that lie between `start` and `end`."""
        return self.compiled.finditer(text, start, end)


@dataclass(slots=True)
class Effort:
    """How much is still looked at closely.

    Each place where a pattern is tried takes one of `places`, and one more if what matches there is weighed;
    so do each `_A_PLACE` characters by which a secret is longer than its pattern reads.
    """

    places: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of secret.

    `pattern` is tried only where one of the lower-case `words` begins, everywhere if there are none. It masks
    the last group that took part in the match, else all of it; `weigh` says how certain a match is. Its
    repeats are bounded, so that each occurrence of a word costs a bounded time, however hostile the text is.

    `examples` are scored as leaks, `possible` are masked alone; both have the secret between « and ». Nothing
    in `near_misses` is masked or scored.
    """

    name: str
    words: tuple[str, ...]
    pattern: Pattern
    examples: tuple[str, ...]
    near_misses: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    weigh: Callable[[re.Match[str]], Certainty] = always_live

    def spans(self, text: str, stretch: slice, lower: str, word: str, effort: Effort) -> Iterator[Span]:
        """The secrets of this kind where `word` begins in a `stretch` of `lower`: `text` in lower case."""
        end = stretch.stop + len(word) - 1
        start = lower.find(word, stretch.start, end)
        while start >= 0 and effort.places > 0:
            match = self.pattern.match(text, start)
            effort.places -= 2 if match else 1
            span = self._span(match, effort) if match else None
            if span:
                yield span
            start = lower.find(word, max(span.end if span else 0, start + len(word)), end)

    def spans_anywhere(self, text: str, stretch: slice, effort: Effort) -> Iterator[Span]:
        """The secrets of this kind that begin in a `stretch` of `text` and that no word announces."""
        for match in self.pattern.finditer(text, stretch.start, stretch.stop + _LONG):
            if match.start() >= stretch.stop or effort.places <= 0:
                return
            effort.places -= 1
            if span := self._span(match, effort):
                yield span

    def _span(self, match: re.Match[str], effort: Effort) -> Span | None:
        certainty = self.weigh(match)
        if not certainty:
            return None
        start, end = match.span(match.lastindex or 0)
        if end - start >= _LONG and (rest := _REST.match(match.string, end)):
            effort.places -= (rest.end() - end) // _A_PLACE
            end = rest.end()
        return Span(start, end, certainty, self.name)
